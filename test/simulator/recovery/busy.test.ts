// A VF whose lock another process holds: the error of a call that waits too long names the process and the remedy.
import { afterAll, describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import { refuseAt } from "../harness/faults.ts";
import { messageChain, type Run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report } from "../harness/sweep.ts";

let total = 0;
afterAll(() => report("busy", total));

/** Makes a node on which the ADD of c1 was killed, and its IPAM plugin hangs. */
function orphaned(): { simulated: SimulatedNode; plugin: number } {
  total++;
  const simulated = new SimulatedNode({});
  const { machine } = simulated;
  machine.programs.set("/opt/cni/bin/host-local", () => {});
  simulated.killAdd(c1, everything, { call: "links.move" });
  machine.programs.set("/opt/cni/bin/host-local", machine.leases.program);
  const [child] = machine.children.slice(-1);
  if (child === undefined) throw new Error("no IPAM plugin was started");
  return { simulated, plugin: child.holder.pid };
}

function messageOf(ran: Run | undefined): string {
  expect(ran?.error).toBeInstanceOf(CniError);
  expect(ran?.error).toMatchObject({ code: codes.tryAgain });
  return ran?.error instanceof Error ? ran.error.message : "";
}

describe("an IPAM plugin that hangs when its ADD was killed", () => {
  test.each(["DEL of its container", "another's ADD"])(
    "is named in the error of %s, and can be ended",
    (who) => {
      const { simulated, plugin } = orphaned();
      const act = () =>
        who.startsWith("DEL") ? simulated.del(c1, everything) : simulated.add(c2, everything);
      const message = messageOf(act());
      expect(message).toContain(
        `VF ${vf} is busy: held by process ${plugin} (host-local), left behind by process`,
      );
      expect(message).toContain("(ADD of container c1)");
      expect(message).toContain(`kill -KILL ${plugin})`);
      simulated.machine.children.at(-1)?.kill();
      expect(act().end).toBe("done");
      simulated.mustDel(c2, everything);
      simulated.mustDel(c1, everything);
      simulated.requireAsBefore("after DEL");
    },
  );

  test("is not named if processes cannot be seen, but the rest of the message is complete", () => {
    const { simulated } = orphaned();
    const ran = simulated.del(c1, everything, refuseAt("lock.holders", "EMFILE"));
    expect(messageOf(ran)).toContain("(ADD of container c1), or by an IPAM plugin that it has started, for");
    expect(messageChain(ran.error)).toContain("EMFILE");
  });
});

describe("a process that the IPAM plugin leaves behind", () => {
  /** Makes a node whose IPAM plugin leaves a process behind at each call, and a function that ends the last one. */
  function leaving(): { simulated: SimulatedNode; endLast: () => void } {
    total++;
    const simulated = new SimulatedNode({});
    const { machine } = simulated;
    let endLast = () => {};
    machine.programs.set("/opt/cni/bin/host-local", (child) => {
      endLast = child.leaveBehind("daemon");
      machine.leases.program(child);
    });
    return { simulated, endLast: () => endLast() };
  }

  test("does not keep the VF's lock after the calls have ended", () => {
    const { simulated } = leaving();
    for (const pod of [c1, c2]) {
      simulated.mustAdd(pod, everything);
      expect(simulated.del(pod, everything).end).toBe("done");
    }
    expect(simulated.machine.files.locks.size).toBe(0);
    simulated.requireAsBefore("after DEL");
    expect(simulated.problems).toEqual([]);
  });

  test("keeps the lock if its ADD was killed, and is named", () => {
    const { simulated, endLast } = leaving();
    simulated.killAdd(c1, everything, { call: "links.move" });
    expect(messageOf(simulated.del(c1, everything))).toContain("(daemon), left behind by process");
    endLast();
    expect(simulated.del(c1, everything).end).toBe("done");
    simulated.requireAsBefore("after DEL");
    expect(simulated.problems).toEqual([]);
  });
});

test("an ADD that waits for its IPAM plugin is named together with the plugin", () => {
  total++;
  const simulated = new SimulatedNode({ slowIpam: 5_000 });
  let other: Run | undefined;
  simulated.add(c1, everything, ({ call }, process) => {
    if (call !== "child.wait") return undefined;
    other = simulated.add(c2, { ...everything, timeout: 50 });
    expect(messageOf(other)).toMatch(
      new RegExp(
        `held by process ${process.pid} \\(ADD of container c1\\) for \\d+ s; it has started process \\d+ \\(host-local\\)$`,
      ),
    );
    return undefined;
  });
  expect(other?.end).toBe("failed");
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});
