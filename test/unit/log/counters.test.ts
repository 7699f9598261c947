import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allSteps } from "../../../src/attachment/steps/all-steps.ts";
import { codes } from "../../../src/cni/errors.ts";
import { BUCKETS, COUNTED, COUNTERS_BYTES, type CountedCall, counted } from "../../../src/log/counters.ts";

const call: CountedCall = { command: "ADD", ms: 60, code: undefined, steps: [] };
const inBucket = (index: number) => BUCKETS.concat(0).map((_, i) => (i === index ? 1 : 0));
const after = (...calls: Partial<CountedCall>[]) =>
  JSON.parse(calls.reduce((text, each) => counted(text, { ...call, ...each }), ""));

test("calls are counted by verb and duration, failures by code", () => {
  expect(after({})).toEqual({ ADD: [60_000, ...inBucket(2)] });
  expect(after({}, { ms: 1.5, code: 11 }, { ms: 200_000, code: 11 }, { command: "DEL", code: 1234 })).toEqual(
    {
      ADD: [200_061_500, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      "ADD 11": [2],
      DEL: [60_000, ...inBucket(2)],
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
  expect(after({ ms }).ADD).toEqual([Math.round(ms * 1000), ...inBucket(bucket)]);
});

test("steps are counted with their failures and durations, waits are not", () => {
  const steps = [
    { action: "apply", step: "GUID", ms: 1.25 },
    { action: "undo", step: "GUID", ms: 2, times: 3, failed: 1 },
    { action: "wait", step: "VF 0000:03:00.2", ms: 9 },
  ];
  expect(after({ steps }, { steps })).toMatchObject({
    "apply GUID": [2, 0, 2500],
    "undo GUID": [6, 2, 4000],
  });
  expect(Object.keys(after({ steps }))).toEqual(["ADD", "apply GUID", "undo GUID"]);
});

describe("what stands in the file", () => {
  test("and is none of ours does no harm", () => {
    expect(
      JSON.parse(counted('{"ADD":["x",null,{},-0.5],"ADD 11":{"a":1},"other":7}', { ...call, code: 11 })),
    ).toEqual({
      ADD: [60_000, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      "ADD 11": [1],
      other: 7,
    });
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const { ADD } = JSON.parse(counted(text, call));
        expect(ADD).toHaveLength(BUCKETS.length + 2);
      }),
    );
  });

  test("is begun anew where it has no room for one more", () => {
    expect(counted(JSON.stringify({ junk: "x".repeat(COUNTERS_BYTES) }), call)).toBe("");
    expect(counted(JSON.stringify({ junk: "é".repeat(COUNTERS_BYTES / 2) }), call)).toBe("");
  });

  // Ten calls a second for ten years, each of them an hour long, and every failure that there is.
  test("has room for all that can be counted", () => {
    const many = 10 * 86_400 * 3650;
    const steps = ["apply", "undo", "verify"].flatMap((action) =>
      allSteps().map(({ name }) => ({ action, step: name, times: many, failed: many, ms: many * 100 })),
    );
    let text = "";
    for (const command of COUNTED) {
      for (const code of [
        codes.tryAgain,
        codes.node,
        codes.deviceInUse,
        codes.badConfiguration,
        codes.internal,
      ])
        text = counted(text, { command, ms: many * 100, code, steps: [] });
    }
    text = counted(text, { ...call, steps });
    expect(text).not.toBe("");
    // Other kinds of attachments have three steps more.
    expect(text.length).toBeLessThan(COUNTERS_BYTES - 500);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for.
    expect(text).toMatch(/^[\x00-\x7f]*$/);
  });
});
