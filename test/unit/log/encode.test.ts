import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { journalEntry, jsonLine, LINE_MARK } from "../../../src/log/encode.ts";
import type { Entry } from "../../../src/log/entry.ts";
import { stepsJson } from "../../../src/log/steps-json.ts";

const entry: Entry = {
  time: "2026-11-24T22:04:19Z",
  level: "warning",
  msg: "ADD default/web-0: done (5 ms)",
  command: "ADD",
  containerID: "c1",
  ifname: "net1",
  netns: "",
  podNamespace: "default",
  podName: "web-0",
  network: "mynet",
  vf: "0000:03:00.2",
  guid: "",
  ms: 5.25,
  steps: stepsJson([{ step: "GUID", action: "apply", ms: 4 }]),
  warnings: ["one", "two\nlines"],
  others: [],
  error: undefined,
};
const failure = { code: 11, msg: "busy\nfor long", details: "" };

test("steps are JSON, whatever was waited for", () => {
  expect(stepsJson([])).toBe("");
  const step = fc.oneof(
    fc.record({ step: fc.constant("host netdev"), action: fc.constantFrom("apply", "undo", "verify") }),
    fc.record({ step: fc.string(), action: fc.constant("wait" as const) }),
  );
  const ms = fc.nat().map((thousandths) => thousandths / 1000);
  const more = fc.record({ ms, times: fc.nat(), failed: fc.nat() }, { requiredKeys: ["ms"] });
  const steps = fc.array(
    fc.tuple(step, more).map(([named, numbers]) => ({ ...named, ...numbers })),
    { minLength: 1 },
  );
  fc.assert(fc.property(steps, (some) => void expect(JSON.parse(stepsJson(some))).toEqual(some)));
});

describe("a line of a file", () => {
  test("is JSON, begins as all do, and has nothing in it that is nothing", () => {
    const line = jsonLine({ ...entry, error: failure });
    expect(line).toMatch(/^[^\n]*\n$/);
    expect(line.startsWith(LINE_MARK)).toBe(true);
    expect(JSON.parse(line)).toEqual({
      time: "2026-11-24T22:04:19Z",
      level: "warning",
      msg: "ADD default/web-0: done (5 ms)",
      command: "ADD",
      containerID: "c1",
      ifname: "net1",
      podNamespace: "default",
      podName: "web-0",
      network: "mynet",
      vf: "0000:03:00.2",
      ms: 5.25,
      steps: [{ step: "GUID", action: "apply", ms: 4 }],
      warnings: ["one", "two\nlines"],
      error: { code: 11, msg: "busy\nfor long" },
    });
  });
});

describe("a datagram to the journal", () => {
  test("has a field in each line", () => {
    expect(journalEntry({ ...entry, error: failure }).split("\n")).toEqual([
      "MESSAGE=ADD default/web-0: done (5 ms)",
      "PRIORITY=4",
      "SYSLOG_IDENTIFIER=ib-sriov",
      "CNI_COMMAND=ADD",
      "CNI_CONTAINERID=c1",
      "CNI_IFNAME=net1",
      "CNI_PODNAMESPACE=default",
      "CNI_PODNAME=web-0",
      "CNI_NETWORK=mynet",
      "CNI_VF=0000:03:00.2",
      "CNI_MS=5.25",
      'CNI_STEPS=[{"step":"GUID","action":"apply","ms":4}]',
      'CNI_WARNINGS=["one","two\\nlines"]',
      'CNI_ERROR={"code":11,"msg":"busy\\nfor long"}',
      "",
    ]);
  });

  test.each([
    ["panic", 2],
    ["error", 3],
    ["info", 6],
    ["debug", 7],
  ] as const)("of level %s has priority %i", (level, priority) => {
    expect(journalEntry({ ...entry, level })).toContain(`\nPRIORITY=${priority}\n`);
  });

  // Field names that begin with _ are the journal's own, and PRIORITY or MESSAGE must not come from a pod.
  test("has no field that a variable brought in", () => {
    const text = fc.string({ unit: fc.constantFrom("\n", "=", "A", "_", "\\", '"', "é") });
    const fields = { containerID: text, netns: text, podName: text, vf: text, network: text };
    fc.assert(
      fc.property(fc.record(fields), (some) => {
        const names = journalEntry({ ...entry, ...some })
          .trimEnd()
          .split("\n")
          .map((line) => line.slice(0, line.indexOf("=")));
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name).toMatch(/^(MESSAGE|PRIORITY|SYSLOG_IDENTIFIER|CNI_[A-Z]+)$/);
      }),
    );
  });
});
