import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { journalEntry, jsonLine, LINE_MARK } from "../../../src/log/encode.ts";
import { type Entry, inMicroseconds, stepsJson } from "../../../src/log/entry.ts";

const entry: Entry = {
  time: Date.UTC(2026, 10, 24, 22, 4, 19, 999),
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
  trace_id: "",
  span_id: "",
  ms: 5.25,
  steps: stepsJson([{ step: "GUID", action: "apply", ms: 4 }]),
  warnings: ["one", "two\nlines"],
  others: [],
  error: undefined,
};
const failure = { code: 11, msg: "busy\nfor long", details: "" };

test.each([
  [0.1 + 0.2, 0.3],
  [0.0004, 0],
  [0.0005, 0.001],
  [1.0004, 1],
  // Ten years.
  [315_360_000_000.125, 315_360_000_000.125],
])("durations have microseconds: %d", (ms, rounded) => {
  expect(inMicroseconds(ms)).toBe(rounded);
});

describe("a line of a file", () => {
  test("is JSON, begins as all lines do, and has no empty members", () => {
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

  test("has the same content as any entry", () => {
    const unit = fc.constantFrom("\n", '"', "\\", "\u2028", "\ud800", ",", "\0", "é");
    const text = fc.string({ unit });
    // Required members are never empty.
    const said = text.map((more) => `ADD${more}`);
    const names = [
      "command",
      "containerID",
      "ifname",
      "netns",
      "podNamespace",
      "podName",
      "network",
      "vf",
      "guid",
      "trace_id",
      "span_id",
    ];
    const some = fc.record({
      ...Object.fromEntries(names.map((name) => [name, text])),
      msg: said,
      ms: fc.nat().map((microseconds) => microseconds / 1000),
      warnings: fc.array(said, { maxLength: 3 }),
      others: fc.array(said, { maxLength: 3 }),
      error: fc.option(fc.record({ code: fc.nat(), msg: said, details: text }), { nil: undefined }),
    });
    const unlessNothing = (_: string, value: unknown) =>
      value === "" || (Array.isArray(value) && value.length === 0) ? undefined : value;
    fc.assert(
      fc.property(some, (members) => {
        const any = { ...entry, ...members };
        const line = jsonLine(any);
        expect(line.indexOf("\n")).toBe(line.length - 1);
        const readable = { ...any, time: "2026-11-24T22:04:19Z", steps: JSON.parse(any.steps) };
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(readable, unlessNothing)));
      }),
    );
  });

  test("has the second in which the call ended, in UTC", () => {
    const time = (milliseconds: number) => JSON.parse(jsonLine({ ...entry, time: milliseconds })).time;
    expect([time(0), time(999), time(1000)]).toEqual([
      "1970-01-01T00:00:00Z",
      "1970-01-01T00:00:00Z",
      "1970-01-01T00:00:01Z",
    ]);
  });
});

describe("a datagram to the journal", () => {
  test("has a field in each line", () => {
    expect(journalEntry({ ...entry, others: ["c2 net1 0000:03:00.3"], error: failure }).split("\n")).toEqual([
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
      'CNI_OTHERS=["c2 net1 0000:03:00.3"]',
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
  test("has no field that a variable could add", () => {
    const text = fc.string({ unit: fc.constantFrom("\n", "=", "A", "_", "\\", '"', "é") });
    const fields = { containerID: text, netns: text, podName: text, vf: text, network: text };
    fc.assert(
      fc.property(fc.record(fields), (some) => {
        const names = journalEntry({ ...entry, ...some })
          .trimEnd()
          .split("\n")
          .map((line) => line.slice(0, line.indexOf("=")));
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name).toMatch(/^(MESSAGE|PRIORITY|SYSLOG_IDENTIFIER|CNI_[A-Z_]+)$/);
      }),
    );
  });
});
