import { describe, expect, test } from "vitest";
import { pushBounded, Trace } from "../../../src/log/trace.ts";
import { aRecord } from "../../support/records.ts";

/** A trace on a clock that a test sets. */
function traced() {
  const clock = { time: 1000, now: () => clock.time };
  return { clock, trace: new Trace(clock) };
}

describe("observe", () => {
  test("returns and throws what an action does, and records how long it took", () => {
    const { clock, trace } = traced();
    const record = aRecord();
    const take = (ms: number, end: () => string) =>
      trace.observe("apply", "GUID", record, () => {
        clock.time += ms;
        return end();
      });
    expect(take(1, () => "done")).toBe("done");
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

  test("counts also actions that are shorter than the resolution of the log", () => {
    const { clock, trace } = traced();
    for (let i = 0; i < 1024; i++) {
      trace.observe("undo", "GUID", undefined, () => {
        clock.time += 1 / 4096;
      });
    }
    expect(trace.steps).toEqual([{ step: "GUID", action: "undo", ms: 0.25, times: 1024 }]);
  });

  test("counts failures, the first one and those between successes", () => {
    const { trace } = traced();
    const failing = new Error("no");
    for (const fails of [true, false, true]) {
      const call = () =>
        trace.observe("undo", "lease", undefined, () => {
          if (fails) throw failing;
        });
      if (fails) expect(call).toThrow(failing);
      else call();
    }
    expect(trace.steps).toEqual([{ step: "lease", action: "undo", ms: 0, times: 3, failed: 2 }]);
  });

  test("separates actions and steps, in the order of their first ends", () => {
    const { trace } = traced();
    trace.observe("apply", "GUID", aRecord(), () => trace.observe("undo", "GUID", aRecord(), () => 1));
    trace.observe("undo", "lease", aRecord(), () => 2);
    expect(trace.steps.map(({ step, action }) => `${action} ${step}`)).toEqual([
      "undo GUID",
      "apply GUID",
      "undo lease",
    ]);
  });

  test("identifies a wait by its text, and not by a record", () => {
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
      pushBounded(trace.warnings, `warning ${i}`);
    }
    expect([trace.steps.length, trace.records.length, trace.warnings.length]).toEqual([64, 64, 64]);
    // Steps with an entry are still counted, and no others.
    trace.observe("undo", "step 0", aRecord(), () => 0);
    trace.observe("undo", "step 64", aRecord(), () => 0);
    expect(trace.steps.map(({ step, times }) => [step, times])).toEqual([
      ["step 0", 2],
      ...Array.from({ length: 63 }, (_, i) => [`step ${i + 1}`, undefined]),
    ]);
  });
});
