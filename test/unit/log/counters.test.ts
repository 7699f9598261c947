import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { order } from "../../../src/attachment/steps/order.ts";
import { codes } from "../../../src/cni/errors.ts";
import {
  BUCKETS,
  COUNTED,
  type CountedCall,
  lineOf,
  SUM_BYTES,
  summed,
  sumOf,
} from "../../../src/log/counters.ts";
import { stepsJson } from "../../../src/log/entry.ts";

const call: CountedCall = { command: "ADD", ms: 60, code: undefined, steps: "" };
const text = (...calls: Partial<CountedCall>[]) => calls.map((each) => lineOf({ ...call, ...each })).join("");
const numbersIn = (file: string) => Object.fromEntries(sumOf(file));
const after = (...calls: Partial<CountedCall>[]) => numbersIn(text(...calls));

test("calls are counted by verb and duration, failures by code", () => {
  expect(after({})).toEqual({ ADD: [60_000, 0, 0, 1] });
  expect(after({}, { ms: 1.5, code: 11 }, { ms: 200_000, code: 11 }, { command: "DEL", code: 1234 })).toEqual(
    {
      ADD: [200_061_500, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      "ADD 11": [2],
      DEL: [60_000, 0, 0, 1],
      "DEL other": [1],
    },
  );
});

test.each([
  [0, 0],
  [25, 0],
  [25.001, 1],
  [60_000, 10],
  [60_000.1, 11],
])("%d ms are in bucket %i: a bound belongs to the bucket below it", (ms, bucket) => {
  expect(after({ ms }).ADD).toEqual([Math.round(ms * 1000), ...Array(bucket).fill(0), 1]);
});

test("steps are counted with their failures and durations, waits are not", () => {
  const steps = stepsJson([
    { action: "apply", step: "GUID", ms: 1.25 },
    { action: "undo", step: "GUID", ms: 2, times: 3, failed: 1 },
    { action: "wait", step: "VF 0000:03:00.2", ms: 9 },
  ]);
  expect(after({ steps }, { steps })).toMatchObject({
    "apply GUID": [2, 0, 2500],
    "undo GUID": [6, 2, 4000],
  });
  expect(Object.keys(after({ steps }))).toEqual(["ADD", "apply GUID", "undo GUID"]);
});

test("a call is one line of ASCII, whatever it waited for", () => {
  const steps = stepsJson([{ action: "wait", step: 'IPAM plugin "\n\\é', ms: 9 }]);
  expect(text({ steps, code: 11 })).toMatch(/^[^\n]*\n$/);
  expect(after({ steps }, {})).toEqual(after({}, {}));
});

const someCall = fc.record({
  command: fc.constantFrom(...COUNTED),
  ms: fc.double({ min: 0, max: 1e6, noNaN: true }),
  code: fc.option(fc.nat({ max: 200 }), { nil: undefined }),
  steps: fc
    .array(
      fc.record(
        {
          action: fc.constantFrom("apply", "undo", "verify", "wait"),
          step: fc.constantFrom("GUID", "host netdev", "lease"),
          ms: fc.nat({ max: 1e6 }).map((us) => us / 1000),
          times: fc.nat(),
          failed: fc.nat(),
        },
        { requiredKeys: ["action", "step", "ms"] },
      ),
    )
    .map(stepsJson),
});

test("the sum of all lines has the same counts, however often and wherever it is made", () => {
  fc.assert(
    fc.property(fc.array(someCall), fc.array(fc.boolean()), (calls, sums) => {
      let file = "";
      calls.forEach((each, index) => {
        file += text(each);
        if (sums[index] === true) file = summed(file);
      });
      expect(numbersIn(file)).toEqual(after(...calls));
      expect(summed(summed(file))).toBe(summed(file));
    }),
  );
});

describe("content of the file", () => {
  test("that is not the plugin's is left out, name by name", () => {
    const foreign =
      '{"ADD":["x",null,{},-0.5],"ADD 11":{"a":1},"other":7,"DEL":[1,1],"steps":[7,{"ms":"x"}]}\n';
    expect(numbersIn(`${foreign}${text({})}`)).toEqual({ DEL: [1, 1], ADD: [60_000, 0, 0, 1] });
  });

  test("that is damaged costs no other line", () => {
    const whole = text({}, { command: "DEL" });
    for (const torn of ['{"ADD":[1,2', "\0\0\0", "[]", "null"]) {
      expect(numbersIn(`${torn}\n${whole}`)).toEqual(numbersIn(whole));
      // The state while a line is being written.
      expect(numbersIn(`${whole}${torn}`)).toEqual(numbersIn(whole));
    }
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (junk) => {
        expect(numbersIn(`${junk}\n${text({ ms: 60_001 })}`).ADD?.length).toBeGreaterThan(BUCKETS.length + 1);
      }),
    );
  });

  test("is reset if the sum is larger than possible", () => {
    const junk = (name: string) => `${JSON.stringify({ [name]: [1] })}\n`;
    expect(summed(junk("x".repeat(SUM_BYTES - 9)))).toBe(junk("x".repeat(SUM_BYTES - 9)));
    expect(summed(junk("x".repeat(SUM_BYTES)))).toBe("");
    expect(summed(junk("é".repeat(SUM_BYTES / 2)))).toBe("");
  });

  // Ten calls a second for ten years, each of an hour, with every possible failure.
  test("has room for everything that can be counted in one line", () => {
    const many = 10 * 86_400 * 3650;
    const steps = (["apply", "undo", "verify"] as const).flatMap((action) =>
      order.netdev.apply.map(({ name }) => ({
        action,
        step: name,
        times: many,
        failed: many,
        ms: many * 100,
      })),
    );
    const failures = [
      codes.tryAgain,
      codes.node,
      codes.deviceInUse,
      codes.badConfiguration,
      codes.internal,
    ].flatMap((code) => COUNTED.map((command) => ({ command, ms: many * 100, code })));
    const sum = summed(text(...failures, { steps: stepsJson(steps) }));
    expect(Object.keys(JSON.parse(sum))).toHaveLength(COUNTED.length * 6 + steps.length);
    // Other kinds of attachments have three more steps.
    expect(sum.length).toBeLessThan(SUM_BYTES - 500);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII.
    expect(sum).toMatch(/^[\x00-\x7f]*$/);
  });
});
