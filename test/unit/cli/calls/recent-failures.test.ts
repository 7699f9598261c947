import { describe, expect, test } from "vitest";
import { parseLoggedCall } from "../../../../src/cli/calls/logged-call.ts";
import { failuresText, grouped, recentFailures } from "../../../../src/cli/calls/recent-failures.ts";
import { logFilesOf, networksOf } from "../../../../src/cli/doctor/inputs/networks.ts";
import { aDoctorContext } from "../doctor/doctor-context.ts";

/** Returns a failed call of the pod default/NAME, in the container c<minute>, at a minute. */
function failed(minute: number, name: string, msg: string, more: object = {}) {
  const call = parseLoggedCall(
    JSON.stringify({
      time: `2025-11-27T22:1${minute}:00Z`,
      command: "ADD",
      containerID: `c${minute}`,
      ifname: "net1",
      netns: `/run/netns/${minute}`,
      ...(name === "" ? {} : { podNamespace: "default", podName: name }),
      error: { code: 101, msg },
      ...more,
    }),
  );
  if (call === undefined) throw new Error("no call");
  return call;
}

describe("equal failures", () => {
  test("are counted, also if the pod has another container", () => {
    const of = (minute: number) =>
      failed(minute, "trainer", `container c${minute} in /run/netns/${minute}: no`);
    expect(grouped([of(5), of(3), failed(2, "trainer", "other"), of(1)])).toMatchObject([
      { pod: "default/trainer", times: 3, first: "2025-11-27T22:11:00Z", last: "2025-11-27T22:15:00Z" },
      { msg: "other", times: 1 },
    ]);
  });

  test.each([
    ["another pod", failed(1, "other", "no")],
    ["no pod", failed(1, "", "no")],
    ["another verb", failed(1, "trainer", "no", { command: "DEL" })],
    ["another code", failed(1, "trainer", "no", { error: { code: 7, msg: "no" } })],
  ])("have the same pod, verb and code: %s", (_, other) => {
    expect(grouped([failed(2, "trainer", "no"), other])).toHaveLength(2);
  });

  test("do not include calls that succeeded", () => {
    expect(grouped([failed(1, "a", "no", { error: undefined })])).toEqual([]);
  });
});

const none = { failures: [], counted: [], sources: ["journal"], unread: [] };

describe("the text", () => {
  test("names pod, verb, code, message, time and number of the newest five", () => {
    const calls = [9, 8, 7, 6, 5, 4].map((minute) => failed(minute, "trainer", `error ${minute}\x1b`));
    const failures = grouped([...calls, failed(1, "trainer", "error 9\x1b")]);
    const text = failuresText({ ...none, failures });
    expect(text.split("\n").slice(0, 5)).toEqual([
      "Recent failures",
      "  ADD of default/trainer net1 failed 2 times, the last time at 2025-11-27T22:19:00Z, with code 101:",
      "      error 9\\u001b",
      "  ADD of default/trainer net1 failed at 2025-11-27T22:18:00Z with code 101:",
      "      error 8\\u001b",
    ]);
    expect(text).toMatch(/error 5\\u001b\n {2}and 1 more, see 'ib-sriov doctor -o json'\n\n$/);
  });

  test("names the container of a call without a pod, and the network of GC", () => {
    const gc = failed(1, "", "no", { command: "GC", containerID: "", ifname: "", network: "mynet" });
    const text = failuresText({ ...none, failures: grouped([failed(2, "", "no"), gc]) });
    expect(text).toContain("ADD of c2 net1 failed");
    expect(text).toContain("GC of mynet failed");
  });

  test("is empty without failures", () => {
    expect(failuresText({ ...none, counted: [{ command: "ADD", code: "11", times: 2 }] })).toBe("");
    expect(failuresText({ ...none, sources: [], unread: ["journal: no"] })).toBe("");
  });

  test("shows the counters if no log can be read", () => {
    const counted = [
      { command: "ADD", code: "11", times: 2 },
      { command: "DEL", code: "other", times: 1 },
    ];
    expect(
      failuresText({ ...none, counted, sources: [], unread: ["journal: journalctl is not installed"] }),
    ).toBe(
      `Recent failures
  Failed calls since the first ADD on this node: ADD with code 11: 2, DEL with code other: 1
      journal: journalctl is not installed

`,
    );
  });
});

test("the counters are read, and the log files of networks", () => {
  const machine = aDoctorContext(
    {
      "/var/lib/cni/ib-sriov/.calls": '{"ADD":[5,1],"ADD 101":[2],"apply GUID":[1,0,5]}\n{"ADD 101":[1]}\n',
      "/etc/cni/net.d/10.conf": '{"name":"n","type":"ib-sriov","logFile":"/var/log/ib.log"}',
      "/var/log/ib.log": "x",
    },
    {},
    {
      clock: { now: () => 0 },
      processes: {
        start: ({ stdin }) => ({
          wait: () => ({
            status: stdin.includes("journalctl") ? 1 : 0,
            signal: 0,
            stdout: '{"time":"2025-11-27T22:19:00Z","command":"DEL","error":{"code":11,"msg":"busy"}}',
            stderr: "",
          }),
          kill: () => {},
        }),
      },
    },
  );
  expect(recentFailures(machine, logFilesOf(networksOf(machine, [], machine).networks))).toMatchObject({
    failures: [{ command: "DEL", code: 11, msg: "busy", times: 1 }],
    counted: [{ command: "ADD", code: "101", times: 3 }],
    sources: ["/var/log/ib.log"],
    unread: ["journal: exit status 1"],
  });
});
