import { describe, expect, test } from "vitest";
import { keep, Trace } from "../../../src/log/trace.ts";
import { aRecord } from "../../support/records.ts";

/** A trace on a clock that a test sets. */
function traced() {
  const clock = { time: 1000, now: () => clock.time };
  return { clock, trace: new Trace(clock) };
}

describe("observe", () => {
  test("passes through what a part returns and throws, and notes how long it took", () => {
    const { clock, trace } = traced();
    const record = aRecord();
    const take = (ms: number, end: () => string) =>
      trace.observe("apply", "GUID", record, () => {
        clock.time += ms;
        return end();
      });
    expect(take(1.0004, () => "done")).toBe("done");
    expect(trace.steps).toEqual([{ step: "GUID", action: "apply", ms: 1 }]);
    const error = new Error("no");
    expect(() =>
      take(2, () => {
        throw error;
      }),
    ).toThrow(error);
    expect(trace.steps).toEqual([{ step: "GUID", action: "apply", ms: 3, times: 2, failed: 1 }]);
    expect(trace.records).toEqual([record]);
  });

  test("tells actions and steps apart, in the order in which they were first over", () => {
    const { trace } = traced();
    trace.observe("apply", "GUID", aRecord(), () => trace.observe("undo", "GUID", aRecord(), () => 1));
    trace.observe("undo", "lease", aRecord(), () => 2);
    expect(trace.steps.map(({ step, action }) => `${action} ${step}`)).toEqual([
      "undo GUID",
      "apply GUID",
      "undo lease",
    ]);
  });

  test("knows a wait by its length, and no record by it", () => {
    const { clock, trace } = traced();
    const wait = (ms: number) =>
      trace.observe("wait", "VF 0000:03:00.2", undefined, () => {
        clock.time += ms;
      });
    wait(0.9);
    expect(trace.steps).toEqual([]);
    wait(1);
    wait(20);
    expect(trace.steps).toEqual([{ step: "VF 0000:03:00.2", action: "wait", ms: 21, times: 2 }]);
    expect(trace.records).toEqual([]);
  });

  test("keeps a bounded number of everything", () => {
    const { trace } = traced();
    for (let i = 0; i < 1000; i++) {
      trace.observe("undo", `step ${i}`, aRecord({ containerId: `c${i}` }), () => i);
      keep(trace.warnings, `warning ${i}`);
    }
    expect([trace.steps.length, trace.records.length, trace.warnings.length]).toEqual([64, 64, 64]);
    // What it has room for goes on being counted.
    trace.observe("undo", "step 0", aRecord(), () => 0);
    expect(trace.steps[0]).toMatchObject({ times: 2 });
  });
});
