// A VF whose lock somebody holds: who waits in vain is told who it is, and what can be done.
import { afterAll, describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { c1, c2, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { messageChain, type Run } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report } from "./harness/test-scenarios.ts";
import { Refusal } from "./model/refusal.ts";
import { everything } from "./scenarios/requests.ts";

let total = 0;
afterAll(() => report("busy", total));

/** A node on which the ADD of c1 was killed, and its IPAM plugin hangs. */
function orphaned(): { story: SimulatedNode; plugin: number } {
  total++;
  const story = new SimulatedNode({});
  const { machine } = story;
  machine.programs.set("/opt/cni/bin/host-local", () => {});
  expect(story.add(c1, everything, killedAfter("links.move")).end).toBe("killed");
  machine.programs.set("/opt/cni/bin/host-local", machine.leases.program);
  const [child] = machine.children.slice(-1);
  if (child === undefined) throw new Error("no IPAM plugin was started");
  return { story, plugin: child.holder.pid };
}

function messageOf(ran: Run | undefined): string {
  expect(ran?.error).toBeInstanceOf(CniError);
  expect(ran?.error).toMatchObject({ code: codes.tryAgain });
  return ran?.error instanceof Error ? ran.error.message : "";
}

describe("an IPAM plugin that hangs when its ADD was killed", () => {
  test.each(["DEL of its container", "ADD of another one"])("is named to the %s, and can be ended", (who) => {
    const { story, plugin } = orphaned();
    const act = () => (who.startsWith("DEL") ? story.del(c1, everything) : story.add(c2, everything));
    const message = messageOf(act());
    expect(message).toContain(
      `VF ${vf} is busy: held by process ${plugin} (host-local), left behind by process`,
    );
    expect(message).toContain("(ADD of container c1)");
    expect(message).toContain(`kill -KILL ${plugin})`);
    story.machine.children.at(-1)?.kill();
    expect(act().end).toBe("done");
    story.mustDel(c2, everything);
    story.mustDel(c1, everything);
    story.requireAsBefore("after DEL");
  });

  test("is not named where processes cannot be seen; the rest is told all the same", () => {
    const { story } = orphaned();
    const ran = story.del(c1, everything, ({ call }) =>
      call === "lock.holders" ? { end: new Refusal("EMFILE", "open /proc") } : undefined,
    );
    expect(messageOf(ran)).toContain("(ADD of container c1), or by an IPAM plugin that it has started, for");
    expect(messageChain(ran.error)).toContain("EMFILE");
  });
});

describe("a process that the IPAM plugin leaves behind", () => {
  /** A node whose IPAM plugin leaves one process behind at each call, and what ends the latest of these. */
  function leaving(): { story: SimulatedNode; endLast: () => void } {
    total++;
    const story = new SimulatedNode({});
    const { machine } = story;
    let endLast = () => {};
    machine.programs.set("/opt/cni/bin/host-local", (child) => {
      endLast = child.leaveBehind("daemon");
      machine.leases.program(child);
    });
    return { story, endLast: () => endLast() };
  }

  test("does not keep the VF's lock when the calls have ended", () => {
    const { story } = leaving();
    for (const pod of [c1, c2]) {
      story.mustAdd(pod, everything);
      expect(story.del(pod, everything).end).toBe("done");
    }
    expect(story.machine.files.locks.size).toBe(0);
    story.requireAsBefore("after DEL");
    expect(story.problems).toEqual([]);
  });

  test("keeps it when its ADD was killed, and is named", () => {
    const { story, endLast } = leaving();
    expect(story.add(c1, everything, killedAfter("links.move")).end).toBe("killed");
    expect(messageOf(story.del(c1, everything))).toContain("(daemon), left behind by process");
    endLast();
    expect(story.del(c1, everything).end).toBe("done");
    story.requireAsBefore("after DEL");
    expect(story.problems).toEqual([]);
  });
});

test("an ADD that waits for its IPAM plugin is named together with it", () => {
  total++;
  const story = new SimulatedNode({ slowIpam: 5_000 });
  let other: Run | undefined;
  story.add(c1, everything, ({ call }, process) => {
    if (call !== "child.wait") return undefined;
    other = story.add(c2, { ...everything, patience: 50 });
    expect(messageOf(other)).toMatch(
      new RegExp(
        `held by process ${process.pid} \\(ADD of container c1\\) for \\d+ s; it has started process \\d+ \\(host-local\\)$`,
      ),
    );
    return undefined;
  });
  expect(other?.end).toBe("failed");
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});
