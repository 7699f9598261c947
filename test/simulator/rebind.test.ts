// When a VF is bound anew, and what becomes of one that is not bound at once.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { ALL_ONES_GUID } from "../../src/infiniband/guid.ts";
import { guid } from "../support/records.ts";
import { c1, c2, c3, freshVf, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import type { AttachmentRequest } from "./harness/requests.ts";
import { messageChain, type Run } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { virtual } from "./model/netdev.ts";
import { Refusal } from "./model/refusal.ts";
import type { Fault } from "./node/gate.ts";
import { isolated } from "./scenarios/isolation.ts";
import { everything, requestedGuid } from "./scenarios/requests.ts";

const rebinds = ({ crossings }: Run) => crossings.filter(({ call }) => call === "functions.bind").length;

/** Has the first bind fail. */
function failsOnce(part?: string): Fault {
  let hasFailed = false;
  return ({ call }) => {
    if (call !== "functions.bind" || hasFailed) return undefined;
    hasFailed = true;
    return { ...(part === undefined ? {} : { part }), end: new Refusal("EIO", "bind") };
  };
}

describe("a VF is not bound anew", () => {
  test("where it runs with the wanted GUID", () => {
    const story = new SimulatedNode({ guid: requestedGuid });
    expect(rebinds(story.mustAdd(c1, everything))).toBe(0);
    expect(rebinds(story.del(c1, everything))).toBe(0);
    story.requireAsBefore("after DEL");
  });

  test("where none is wanted", () => {
    const story = new SimulatedNode({});
    expect(rebinds(story.mustAdd(c1, { vf }))).toBe(0);
    expect(rebinds(story.del(c1, { vf }))).toBe(0);
    story.requireAsBefore("after DEL");
  });

  // A DRA driver calls again, for another container, when time is up: each try must get further.
  test("once more by who takes it over and wants the same GUID", () => {
    const story = new SimulatedNode({});
    story.add(c1, everything, killedAfter("functions.bind"));
    expect(rebinds(story.add(c2, everything, killedAfter("links.move")))).toBe(0);
    expect(rebinds(story.mustAdd(c3, everything))).toBe(0);
    story.mustDel(c3, everything);
    story.settleOwed();
    story.requireAsBefore("after DEL");
  });
});

describe("another VF's ADD, while a call waits after a rebind or a move,", () => {
  const theirs = { vf: freshVf, guid: guid("02:00:00:00:00:00:00:78"), patience: 50 };

  /** Runs a verb; another ADD comes when the verb waits for the first time after a call. */
  function interrupted(
    story: SimulatedNode,
    call: string,
    verb: (fault: Fault) => Run,
    wish: AttachmentRequest = theirs,
  ): { ran: Run; other: Run | undefined } {
    let isCalled = false;
    let other: Run | undefined;
    const ran = verb((crossing) => {
      if (crossing.call === call) isCalled = true;
      if (!isCalled || crossing.call !== "watch.wait" || other !== undefined) return undefined;
      // Only the first VF is late.
      Object.assign(story.machine.bus, { registrationTime: 0, rdmaTime: 0 });
      other = story.add(c2, wish);
      return undefined;
    });
    return { ran, other };
  }

  test("is not delayed by an ADD that waits for the netdev", () => {
    const story = new SimulatedNode({ lateNetdev: 5_000 });
    const { ran, other } = interrupted(story, "functions.bind", (fault) => story.add(c1, everything, fault));
    expect([ran.end, other?.end]).toEqual(["done", "done"]);
    story.mustDel(c1, everything);
    story.mustDel(c2, theirs);
    story.requireAsBefore("after both DELs");
    expect(story.problems).toEqual([]);
  });

  test("is not delayed by a DEL that waits for the netdev", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    story.machine.bus.registrationTime = 5_000;
    const { ran, other } = interrupted(story, "functions.bind", (fault) => story.del(c1, everything, fault));
    expect([ran.end, other?.end]).toEqual(["done", "done"]);
    story.mustDel(c2, theirs);
    story.requireAsBefore("after both DELs");
    expect(story.problems).toEqual([]);
  });

  test("is not delayed by an ADD that waits for a netdev which a moved RDMA device does not get", () => {
    const story = new SimulatedNode({ rdma: "exclusive", guid: requestedGuid });
    const { ran, other } = interrupted(story, "rdma.move", (fault) =>
      story.add(c1, isolated, (crossing, process) => {
        if (crossing.call === "rdma.move") story.machine.bus.withoutNetdev.add(vf);
        return fault(crossing, process);
      }),
    );
    expect([ran.end, other?.end]).toEqual(["failed", "done"]);
    expect(messageChain(ran.error)).toContain("has no netdev any more since its RDMA device was moved");
  });

  test("waits until the first VF's files below /dev/infiniband are back, which would get its numbers", () => {
    const story = new SimulatedNode({ lateRdma: 5_000 });
    const { ran, other } = interrupted(story, "functions.bind", (fault) => story.add(c1, everything, fault));
    expect([ran.end, other?.end]).toEqual(["done", "failed"]);
    expect(other?.error).toMatchObject({
      code: codes.tryAgain,
      message: expect.stringContaining("the node's RDMA devices is busy"),
    });
    story.mustDel(c1, everything);
    story.requireAsBefore("after DEL");
    expect(story.problems).toEqual([]);
  });
});

test("files below /dev/infiniband that do not come back, as ib_uverbs was unloaded, are waited for 1 s at most", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.machine.bus.rdma.hasFiles = false;
  const times: number[] = [];
  const ran = story.del(c1, everything, ({ call, subject }) => {
    const isOfNode = subject.endsWith("/.node") && ["lock.acquire", "lock.release"].includes(call);
    if (isOfNode) times.push(story.machine.time.now);
    return undefined;
  });
  expect(ran).toMatchObject({ end: "done", warnings: [expect.stringContaining("had uverbs")] });
  const [taken = 0, released = 0] = times;
  expect(times).toHaveLength(2);
  expect(released - taken).toBeGreaterThan(1_000);
  expect(released - taken).toBeLessThan(1_500);
});

test("a VF that had no GUID has all-ones afterwards: for zero the SR-IOV Network Operator drains the node", () => {
  const story = new SimulatedNode({});
  const wish = { vf: freshVf, guid: requestedGuid };
  story.mustAdd(c1, wish);
  story.mustDel(c1, wish);
  const { adminNodeGuid, adminPortGuid } = story.machine.bus.vf(freshVf, "look at it");
  expect([adminNodeGuid, adminPortGuid]).toEqual([ALL_ONES_GUID, ALL_ONES_GUID]);
});

describe("a bind that fails once", () => {
  test.each([
    ["without effect", undefined],
    ["although the driver is bound", "all"],
  ])("does no harm: %s", (_, part) => {
    const story = new SimulatedNode({});
    expect(story.add(c1, everything, failsOnce(part)).end).toBe("done");
    expect(story.del(c1, everything, failsOnce(part)).end).toBe("done");
    story.requireAsBefore("after DEL");
  });
});

test("GUIDs that somebody else has set meanwhile come into effect, and that is said", () => {
  const story = new SimulatedNode({});
  const theirs = guid("0b:00:00:00:00:00:00:01");
  story.mustAdd(c1, everything);
  story.happens(({ bus }) => {
    const target = bus.vf(vf, "set its GUIDs");
    target.adminNodeGuid = theirs;
    target.adminPortGuid = theirs;
  });
  expect(story.del(c1, everything)).toMatchObject({
    end: "done",
    warnings: [expect.stringContaining(theirs)],
  });
  story.expectProblems(
    expect.stringMatching(
      /^at the end .*:\n +- in -: ibp1s0f0v0 0a:.*:02 .*\n +- vf .* runs 0a:.*:01 0a:.*:02 .* on file 0b:.*:01 0b:.*:01 .*\n +\+ in -: ibp1s0f0v0 0b:.*:01 .*\n +\+ vf .* runs 0b:.*:01 0b:.*:01 .* on file 0b:.*:01 0b:.*:01 link disable$/,
    ),
  );
});

test("a container that has an interface of that name already keeps it", () => {
  const story = new SimulatedNode({});
  story.happens((machine) => void machine.paths.get(c1.netns)?.add(virtual(), c1.ifname));
  const { end, error } = story.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code: codes.badEnvironment });
  story.requireAsBefore("after ADD");
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});
