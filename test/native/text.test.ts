import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { Words } from "host";
import { describe, expect, test } from "vitest";
import * as standIn from "../support/host.ts";
import { evaluate, failure } from "./harness.ts";

/** Returns samples of an arbitrary: one process for each value would take too long. */
function samples<T>(arbitrary: fc.Arbitrary<T>, count = 2000): T[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 42 });
}

/** Applies a function of the module to every input. `undefined` is returned as null. */
function applied(call: string, inputs: readonly unknown[]): unknown {
  return evaluate(
    `return input.map((one) => { const result = ${call}; return result === undefined ? null : result; });`,
    inputs,
  );
}

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
);
/** Bytes in which all kinds of invalid UTF-8 are frequent. */
const anyBytes = fc.array(
  fc.oneof(
    fc.constantFrom(
      0x00,
      0x41,
      0x7f,
      0x80,
      0xbf,
      0xc0,
      0xc2,
      0xdf,
      0xe0,
      0xa0,
      0x9f,
      0xed,
      0xef,
      0xf0,
      0x90,
      0xf4,
      0x8f,
      0xf5,
      0xff,
    ),
    fc.nat(255),
  ),
);

test("no byte of a name is lost", () => {
  const names = samples(anyBytes);
  const call = "Array.from(host.utf8Encode(host.utf8Decode(Uint8Array.from(one))))";
  expect(applied(call, names)).toEqual(names);
  const written =
    "Array.from(host.utf8Encode(JSON.parse(JSON.stringify(host.utf8Decode(Uint8Array.from(one))))))";
  expect(applied(written, names)).toEqual(names);
});

describe("equals the stand-in that unit tests use", () => {
  test("utf8Encode", () => {
    const texts = samples(anyText);
    // As code units: JSON on its way to the test must not repair them.
    const units = texts.map((text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)));
    const call = "Array.from(host.utf8Encode(String.fromCharCode(...one)))";
    expect(applied(call, units)).toEqual(texts.map((text) => Array.from(standIn.utf8Encode(text))));
  });

  test("packU32", () => {
    const { words } = fc.letrec<{ words: Words; each: Words[number] }>((tie) => ({
      words: fc.array(tie("each"), { maxLength: 6, depthIdentifier: "words" }),
      each: fc.oneof(
        { maxDepth: 6, depthIdentifier: "words" },
        fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
        fc.uint8Array({ maxLength: 40 }),
        tie("words"),
      ),
    }));
    const inputs = samples(words);
    // Bytes as an object, which JSON leaves as it is.
    const plain = (list: Words): unknown[] =>
      list.map((each) =>
        typeof each === "number" ? each : each instanceof Uint8Array ? { bytes: [...each] } : plain(each),
      );
    const call = `(function again(list) { return list.map((each) => typeof each === "number" ? each
      : Array.isArray(each) ? again(each) : Uint8Array.from(each.bytes)); })(one)`;
    expect(applied(`Array.from(host.packU32(${call}))`, inputs.map(plain))).toEqual(
      inputs.map((list) => Array.from(standIn.packU32(list))),
    );
  });

  test("formatTime", () => {
    const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    // Every 29 February, existing or not, and the ends of years: after 400 years the calendar repeats.
    const years = Array.from({ length: 800 }, (_, i) => 1970 + i);
    const turns = years.flatMap((year) => [Date.UTC(year, 2, 1), Date.UTC(year + 1, 0, 1)]);
    const inputs = [0, 999, last, ...turns.flatMap((turn) => [turn - 1, turn])];
    inputs.push(...samples(fc.integer({ min: 0, max: last })));
    expect(applied("host.formatTime(one)", inputs)).toEqual(inputs.map(standIn.formatTime));
  });

  test("utf8Decode", () => {
    const inputs = samples(anyBytes);
    const expected = inputs.map((bytes) => standIn.utf8Decode(Uint8Array.from(bytes)));
    expect(applied("host.utf8Decode(Uint8Array.from(one))", inputs)).toEqual(expected);
  });

  test("inetPton and inetNtop", () => {
    const group = fc.oneof(
      fc.constantFrom("0", "00000", "ffff", "1", "g", ""),
      fc.stringMatching(/^[0-9a-fA-F]{1,4}$/),
    );
    const ipv4 = fc.oneof(
      fc.ipV4(),
      fc.stringMatching(/^\d{1,4}(\.\d{1,4}){2,4}$/),
      fc.constantFrom("01.2.3.4", "1.2.3", "1.2.3.4 ", ""),
    );
    const ipv6 = fc.oneof(
      fc.ipV6(),
      fc
        .tuple(fc.array(group, { maxLength: 9 }), fc.constantFrom(":", "::"))
        .map(([parts, separator]) => parts.join(separator)),
      fc
        .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }))
        .map(([a, b]) => `${a.join(":")}::${b.join(":")}`),
      fc.tuple(fc.array(group, { maxLength: 7 }), ipv4).map(([a, b]) => `${a.join(":")}:${b}`),
      ipv4.map((address) => `::ffff:${address}`),
    );
    const bytes = (address: Uint8Array | undefined) => (address === undefined ? null : Array.from(address));
    for (const [family, texts] of [
      [4, samples(ipv4)],
      [6, samples(ipv6)],
    ] as const) {
      const call = `(() => { const bytes = host.inetPton(${family}, one); return bytes && Array.from(bytes); })()`;
      const got = applied(call, texts) as (number[] | null)[];
      expect(texts.map((text, i) => [text, got[i]])).toEqual(
        texts.map((text) => [text, bytes(standIn.inetPton(family, text))]),
      );
      expect(got.filter((one) => one !== null).length).toBeGreaterThan(100);
    }
    const word = fc.oneof(fc.constantFrom(0, 0, 0, 0xffff), fc.nat(0xffff));
    const addresses = samples(fc.array(word, { minLength: 8, maxLength: 8 })).map((words) =>
      words.flatMap((one) => [one >> 8, one & 255]),
    );
    addresses.push(...samples(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), 200));
    expect(applied("host.inetNtop(Uint8Array.from(one))", addresses)).toEqual(
      addresses.map((one) => standIn.inetNtop(Uint8Array.from(one))),
    );
  });
});

test("a view on a part of a buffer is that part", () => {
  const body = "const b = Uint8Array.of(9, 10, 0, 0, 1, 9); return host.inetNtop(b.subarray(1, 5));";
  expect(evaluate(body)).toBe("10.0.0.1");
  expect(evaluate("return host.utf8Decode(new Uint8Array(0));")).toBe("");
});

test("an invalid address, invalid bytes, an unknown family", () => {
  expect(evaluate("return host.inetPton(4, '1.2.3.4\\0') === undefined;")).toBe(true);
  expect(failure("host.inetNtop(new Uint8Array(5));")).toMatchObject({ code: "EINVAL" });
  expect(failure("host.inetNtop(new Uint16Array(2));")).toMatchObject({ name: "TypeError" });
  expect(failure("host.inetNtop([1, 2, 3, 4]);")).toMatchObject({ name: "TypeError" });
  expect(failure("host.inetPton(5, '');")).toMatchObject({ code: "EAFNOSUPPORT" });
});

test("packU32 refuses values that are neither words nor bytes, and endless nesting", () => {
  const wrong = [
    "host.packU32([1, 'a']);",
    "host.packU32([undefined]);",
    "host.packU32([new Uint16Array(2)]);",
  ];
  for (const body of wrong) expect(failure(body)).toMatchObject({ name: "TypeError" });
  const throwing =
    "const list = [1]; Object.defineProperty(list, 1, { get() { throw new Error('mine'); } });";
  expect(failure(`${throwing} host.packU32(list);`)).toMatchObject({ message: "mine" });
  const nested = (depth: number) =>
    `let list = [7]; for (let i = 1; i < ${depth}; i++) list = [list]; return Array.from(host.packU32(list));`;
  expect(evaluate(nested(16))).toEqual([7, 0, 0, 0]);
  expect(failure(nested(17))).toMatchObject({ name: "TypeError" });
  expect(failure("const list = []; list.push(list); host.packU32(list);")).toMatchObject({
    name: "TypeError",
  });
});

test("a time outside of the years 1970 to 9999, or an invalid time", () => {
  expect(failure("host.formatTime(-1);")).toMatchObject({ name: "TypeError" });
  expect(failure("host.formatTime(253402300800000);")).toMatchObject({ name: "TypeError" });
  expect(failure("host.formatTime(0.5);")).toMatchObject({ name: "TypeError" });
});

test("a pipe is not a terminal, and a closed descriptor is not, either", () => {
  expect(evaluate("return [host.isTerminal(1), host.isTerminal(999)];")).toEqual([false, false]);
});

test("the module has the functions that host.d.ts declares, and no others", () => {
  const declarations = readFileSync("native/host/host.d.ts", "utf8").matchAll(
    /^ {2}(?:function|const) (\w+)/gm,
  );
  // A set: some are declared twice, because their result depends on their arguments.
  const declared = new Set(Array.from(declarations, (match) => match[1]));
  // The script that this function evaluates is only in ib-sriov.
  declared.delete("commandLine");
  expect(declared.size).toBeGreaterThan(40);
  expect(evaluate("return Object.getOwnPropertyNames(host).sort();")).toEqual([...declared].sort());
});
