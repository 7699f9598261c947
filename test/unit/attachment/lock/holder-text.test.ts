import { describe, expect, it } from "vitest";
import { holderText } from "../../../../src/attachment/lock/holder-text.ts";

const note = JSON.stringify({ holder: { pid: 100, verb: "ADD of container c1", since: 1_000 } });
const now = 31_400;
const process = (pid: number, command: string, pids = [pid]) => ({ pid, pids, command });

describe("the holder of a lock", () => {
  it("is the call that wrote its note", () => {
    expect(holderText(note, [process(100, "ib-sriov")], now)).toBe(
      "held by process 100 (ADD of container c1) for 30 s",
    );
  });

  it("is the call, and the process that it has started", () => {
    expect(holderText(note, [process(100, "ib-sriov"), process(105, "slow")], now)).toBe(
      "held by process 100 (ADD of container c1) for 30 s; it has started process 105 (slow)",
    );
  });

  it("is the call that a signal has stopped, and the message contains the command that continues it", () => {
    const stopped = { ...process(100, "ib-sriov"), isStopped: true };
    expect(holderText(note, [stopped], now)).toBe(
      "held by process 100 (ADD of container c1) for 30 s; it is stopped, to continue it: kill -CONT 100",
    );
  });

  it("is found also if the call has another pid in its own pid namespace", () => {
    expect(holderText(note, [process(4711, "ib-sriov", [4711, 100])], now)).toBe(
      "held by process 100 (ADD of container c1) for 30 s",
    );
  });

  it("is a process left behind by a call that has ended, and the message contains the command that ends it", () => {
    expect(holderText(note, [process(105, "slow"), process(106, "sleep")], now)).toBe(
      "held by process 105 (slow), process 106 (sleep), left behind by process 100 (ADD of container c1), which " +
        "took the lock 30 s ago and has ended; if it hangs, end it (kill -KILL 105 106)",
    );
  });

  it("is the call or its plugin if no process can be seen", () => {
    expect(holderText(note, [], now)).toBe(
      "held by process 100 (ADD of container c1), or by an IPAM plugin that it has started, for 30 s",
    );
  });

  it("is unknown without a note, except for the processes", () => {
    for (const text of [
      "",
      "{",
      "[]",
      '{"holder":{"pid":1}}',
      '{"holder":{"pid":"1","verb":"x","since":2}}',
    ]) {
      expect(holderText(text, [], now)).toBe("held by a process, which the lock file does not describe");
      expect(holderText(text, [process(9, "ib-sriov")], now)).toBe(
        "held by process 9 (ib-sriov), which the lock file does not describe",
      );
    }
  });

  it("has held it for 0 s if the clock was set back", () => {
    expect(holderText(note, [process(100, "ib-sriov")], 0)).toContain(" for 0 s");
  });
});
