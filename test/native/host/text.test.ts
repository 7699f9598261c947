import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress } from "../../../src/ip/text.ts";
import { formatTime } from "../../../src/log/format-time.ts";
import * as standIn from "../../support/host.ts";
import { evaluate, failure, hostNames } from "../harness.ts";

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

  test("errnoName", () => {
    const errnos = Array.from({ length: 200 }, (_, errno) => errno);
    // Node.js knows fewer names.
    const known = errnos.filter((errno) => standIn.errnoName(errno) !== undefined);
    expect(known.length).toBeGreaterThan(70);
    expect(applied("host.errnoName(one)", known)).toEqual(known.map(standIn.errnoName));
    expect(applied("host.errnoName(one)", [0, -1, 1000, 41])).toEqual([null, null, null, null]);
  });

  test("utf8Decode", () => {
    const inputs = samples(anyBytes);
    const expected = inputs.map((bytes) => standIn.utf8Decode(Uint8Array.from(bytes)));
    expect(applied("host.utf8Decode(Uint8Array.from(one))", inputs)).toEqual(expected);
  });
});

test("a view on a part of a buffer is that part", () => {
  const body = "const b = Uint8Array.of(9, 97, 98, 9); return host.utf8Decode(b.subarray(1, 3));";
  expect(evaluate(body)).toBe("ab");
  expect(evaluate("return host.utf8Decode(new Uint8Array(0));")).toBe("");
});

test("bytes must be bytes", () => {
  expect(failure("host.utf8Decode(new Uint16Array(2));")).toMatchObject({ name: "TypeError" });
  expect(failure("host.utf8Decode([1, 2, 3, 4]);")).toMatchObject({ name: "TypeError" });
});

// The engine itself calculates and formats as Node.js does, for which the unit tests are.
test("addresses and times have the same texts as on Node.js", () => {
  const addresses = samples(fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }), 200);
  expect(applied("linux.formatAddress(Uint8Array.from(one))", addresses)).toEqual(
    addresses.map((one) => formatAddress(Uint8Array.from(one))),
  );
  const times = samples(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), 200);
  expect(applied("linux.formatTime(one)", times)).toEqual(times.map(formatTime));
});

test("a pipe is not a terminal, and a closed descriptor is not, either", () => {
  expect(evaluate("return [host.isTerminal(1), host.isTerminal(999)];")).toEqual([false, false]);
});

test("the module has the functions that host.d.ts declares, and no others", () => {
  const declared = new Set(hostNames);
  // These functions read texts that are only in ib-sriov.
  for (const name of ["commandLine", "commandScript", "notices"]) declared.delete(name);
  expect(declared.size).toBeGreaterThan(40);
  expect(evaluate("return Object.getOwnPropertyNames(host).sort();")).toEqual([...declared].sort());
});
