import { expect, test } from "vitest";
import { JOURNAL_FIELDS, parseLoggedCall } from "../../../../src/cli/calls/logged-call.ts";
import { journalEntry, jsonLine } from "../../../../src/log/encode.ts";
import type { Entry } from "../../../../src/log/entry.ts";

const entry: Entry = {
  time: 1_764_281_940_123,
  level: "error",
  msg: "ADD default/trainer net1: failed",
  command: "ADD",
  containerID: "c1",
  ifname: "net1",
  netns: "/run/netns/a",
  podNamespace: "default",
  podName: "trainer",
  network: "mynet",
  vf: "0000:03:00.2",
  guid: "",
  trace_id: "",
  span_id: "",
  ms: 1.5,
  steps: "",
  warnings: ["careful"],
  others: [],
  error: { code: 101, msg: "VF is in use", details: "" },
};
const expected = {
  time: "2025-11-27T22:19:00Z",
  command: "ADD",
  containerID: "c1",
  ifname: "net1",
  netns: "/run/netns/a",
  pod: "default/trainer",
  network: "mynet",
  vf: "0000:03:00.2",
  ms: 1.5,
  warnings: ["careful"],
  error: { code: 101, msg: "VF is in use", details: "" },
};

test("a line of a log file", () => {
  expect(parseLoggedCall(jsonLine(entry).trim())).toEqual(expected);
});

test("an entry of the journal, as journalctl prints it", () => {
  const fields = journalEntry(entry)
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const all = Object.fromEntries(fields) as Record<string, string>;
  const printed = Object.entries(all).filter(([name]) => JOURNAL_FIELDS.includes(name));
  const line = JSON.stringify({
    __REALTIME_TIMESTAMP: "1764281940123456",
    __CURSOR: "s=1",
    ...Object.fromEntries(printed),
  });
  expect(parseLoggedCall(line)).toEqual(expected);
});

test("a call without pod and error; values of other types count as missing", () => {
  const line = { time: "2025-11-27T22:19:00Z", command: "GC", network: [1], ms: "x", warnings: 1, error: 2 };
  expect(parseLoggedCall(JSON.stringify(line))).toMatchObject({
    pod: "",
    network: "",
    ms: undefined,
    warnings: [],
    error: undefined,
  });
});

test.each(["", "{", "[]", "{}", '{"__REALTIME_TIMESTAMP":"x","CNI_COMMAND":"ADD"}', '{"time":"2025"}'])(
  "%j is not an entry",
  (line) => {
    expect(parseLoggedCall(line)).toBeUndefined();
  },
);
