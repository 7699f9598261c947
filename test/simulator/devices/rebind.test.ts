// When a VF is rebound, and what follows if the bind fails or takes long.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { ALL_ONES_GUID } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { everything, isolated, requestedGuid } from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import type { Fault } from "../harness/gate.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain, type Run, rebinds } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { virtual } from "../model/netdev.ts";
import { Refusal } from "../model/refusal.ts";

/** Lets the first bind fail. */
function failsOnce(part?: string): Fault {
  let hasFailed = false;
  return ({ call }) => {
    if (call !== "functions.bind" || hasFailed) return undefined;
    hasFailed = true;
    return { ...(part === undefined ? {} : { part }), end: new Refusal("EIO", "bind") };
  };
}

describe("a VF is not rebound", () => {
  test("if it runs with the desired GUID", () => {
    const simulated = new SimulatedNode({ guid: requestedGuid });
    expect(rebinds(simulated.mustAdd(c1, everything))).toBe(0);
    expect(rebinds(simulated.del(c1, everything))).toBe(0);
    simulated.requireAsBefore("after DEL");
  });

  test("if no GUID is desired", () => {
    const simulated = new SimulatedNode({});
    expect(rebinds(simulated.mustAdd(c1, { vf }))).toBe(0);
    expect(rebinds(simulated.del(c1, { vf }))).toBe(0);
    simulated.requireAsBefore("after DEL");
  });

  // A DRA driver calls again, for another container, after its time limit: each try must get further.
  test("again by ADD of an orphan's VF with the same GUID", () => {
    const simulated = new SimulatedNode({});
    simulated.killAdd(c1, everything, { call: "functions.bind" });
    expect(rebinds(simulated.killAdd(c2, everything, { call: "links.move" }))).toBe(0);
    expect(rebinds(simulated.mustAdd(c3, everything))).toBe(0);
    simulated.mustDel(c3, everything);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after DEL");
  });
});

describe("another VF's ADD, while a call waits after a rebind or a move,", () => {
  const otherRequest = { vf: freshVf, guid: guid("02:00:00:00:00:00:00:78"), timeout: 50 };

  /** Runs a verb; another container's ADD comes when the verb first waits after a call. */
  function interrupted(
    simulated: SimulatedNode,
    call: string,
    verb: (fault: Fault) => Run,
    request: AttachmentRequest = otherRequest,
  ): { ran: Run; other: Run | undefined } {
    let isCalled = false;
    let other: Run | undefined;
    const ran = verb((nodeCall) => {
      if (nodeCall.call === call) isCalled = true;
      if (!isCalled || nodeCall.call !== "watch.wait" || other !== undefined) return undefined;
      // Only the first VF is late.
      Object.assign(simulated.machine.bus, { registrationTime: 0, rdmaTime: 0 });
      other = simulated.add(c2, request);
      return undefined;
    });
    return { ran, other };
  }

  test("is not delayed by an ADD that waits for the netdev", () => {
    const simulated = new SimulatedNode({ lateNetdev: 5_000 });
    const { ran, other } = interrupted(simulated, "functions.bind", (fault) =>
      simulated.add(c1, everything, fault),
    );
    expect([ran.end, other?.end]).toEqual(["done", "done"]);
    simulated.mustDel(c1, everything);
    simulated.mustDel(c2, otherRequest);
    simulated.requireAsBefore("after both DELs");
    expect(simulated.problems).toEqual([]);
  });

  test("is not delayed by a DEL that waits for the netdev", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.machine.bus.registrationTime = 5_000;
    const { ran, other } = interrupted(simulated, "functions.bind", (fault) =>
      simulated.del(c1, everything, fault),
    );
    expect([ran.end, other?.end]).toEqual(["done", "done"]);
    simulated.mustDel(c2, otherRequest);
    simulated.requireAsBefore("after both DELs");
    expect(simulated.problems).toEqual([]);
  });

  test("is not delayed by an ADD that waits for a netdev which a moved RDMA device does not get", () => {
    const simulated = new SimulatedNode({ rdma: "exclusive", guid: requestedGuid });
    const { ran, other } = interrupted(simulated, "rdma.move", (fault) =>
      simulated.add(c1, isolated, (nodeCall, process) => {
        if (nodeCall.call === "rdma.move") simulated.machine.bus.withoutNetdev.add(vf);
        return fault(nodeCall, process);
      }),
    );
    expect([ran.end, other?.end]).toEqual(["failed", "done"]);
    expect(messageChain(ran.error)).toContain("has no netdev any more since its RDMA device was moved");
  });

  test("waits until the first VF's files below /dev/infiniband are back, whose numbers it would get otherwise", () => {
    const simulated = new SimulatedNode({ lateRdma: 5_000 });
    const { ran, other } = interrupted(simulated, "functions.bind", (fault) =>
      simulated.add(c1, everything, fault),
    );
    expect([ran.end, other?.end]).toEqual(["done", "failed"]);
    expect(other?.error).toMatchObject({
      code: codes.tryAgain,
      message: expect.stringContaining("the node's RDMA devices is busy"),
    });
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore("after DEL");
    expect(simulated.problems).toEqual([]);
  });
});

test("a call waits 1 s for files below /dev/infiniband if ib_uverbs was unloaded", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.machine.bus.rdma.hasFiles = false;
  const times: number[] = [];
  const ran = simulated.del(c1, everything, ({ call, subject }) => {
    const isOfNode = subject.endsWith("/.node") && ["lock.acquire", "lock.release"].includes(call);
    if (isOfNode) times.push(simulated.machine.time.now);
    return undefined;
  });
  expect(ran).toMatchObject({ end: "done", warnings: [expect.stringContaining("had uverbs")] });
  const [taken = 0, released = 0] = times;
  expect(times).toHaveLength(2);
  expect(released - taken).toBeGreaterThan(1_000);
  expect(released - taken).toBeLessThan(1_500);
});

test("a VF that had no GUID has all-ones afterwards: for zero the SR-IOV Network Operator drains the node", () => {
  const simulated = new SimulatedNode({});
  const request = { vf: freshVf, guid: requestedGuid };
  simulated.mustAdd(c1, request);
  simulated.mustDel(c1, request);
  const { adminNodeGuid, adminPortGuid } = simulated.machine.bus.vf(freshVf, "look at it");
  expect([adminNodeGuid, adminPortGuid]).toEqual([ALL_ONES_GUID, ALL_ONES_GUID]);
});

describe("a bind that fails once", () => {
  test.each([
    ["without effect", undefined],
    ["although the driver is bound", "all"],
  ])("does no harm: %s", (_, part) => {
    const simulated = new SimulatedNode({});
    expect(simulated.add(c1, everything, failsOnce(part)).end).toBe("done");
    expect(simulated.del(c1, everything, failsOnce(part)).end).toBe("done");
    simulated.requireAsBefore("after DEL");
  });
});

test("GUIDs that an administrator has set since come into effect, and a warning reports that", () => {
  const simulated = new SimulatedNode({});
  const administrators = guid("0b:00:00:00:00:00:00:01");
  simulated.mustAdd(c1, everything);
  simulated.changeNode(({ bus }) => {
    const target = bus.vf(vf, "set its GUIDs");
    target.adminNodeGuid = administrators;
    target.adminPortGuid = administrators;
  });
  expect(simulated.del(c1, everything)).toMatchObject({
    end: "done",
    warnings: [expect.stringContaining(administrators)],
  });
  simulated.expectProblems(
    expect.stringMatching(
      /^at the end .*:\n +- in -: ibp1s0f0v0 0a:.*:02 .*\n +- vf .* runs 0a:.*:01 0a:.*:02 .* administrative 0b:.*:01 0b:.*:01 .*\n +\+ in -: ibp1s0f0v0 0b:.*:01 .*\n +\+ vf .* runs 0b:.*:01 0b:.*:01 .* administrative 0b:.*:01 0b:.*:01 link disable$/,
    ),
  );
});

test("a container that already has an interface of that name keeps it", () => {
  const simulated = new SimulatedNode({});
  simulated.changeNode((machine) => void machine.paths.get(c1.netns)?.add(virtual(), c1.ifname));
  const { end, error } = simulated.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code: codes.badEnvironment });
  simulated.requireAsBefore("after ADD");
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

// A port that DEL takes down must not leave a query to the subnet administrator without an answer: each rebind on the
// node would wait until it times out.

/** Returns the time that an action takes, ms. */
function duration(simulated: SimulatedNode, action: () => void): number {
  const begin = simulated.machine.time.now;
  action();
  return simulated.machine.time.now - begin;
}

test("an ADD of another VF does not wait for what a DEL has left in the kernel", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable" } as const;
  simulated.mustAdd(c1, request);
  simulated.mustDel(c1, request);
  simulated.machine.time.pass(1_100);
  const next = { vf: freshVf, guid: requestedGuid };
  expect(duration(simulated, () => simulated.mustAdd(c2, next))).toBeLessThan(1_000);
  simulated.mustDel(c2, next);
});

test("DEL of a pod that has run for a while does not wait", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable" } as const;
  simulated.mustAdd(c1, request);
  simulated.machine.time.pass(10_000);
  expect(duration(simulated, () => simulated.mustDel(c1, request))).toBeLessThan(600);
});

test("DEL of a pod whose VF is rebound does not wait, because the rebind ends all queries", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable", guid: requestedGuid } as const;
  simulated.mustAdd(c1, request);
  expect(duration(simulated, () => simulated.mustDel(c1, request))).toBeLessThan(1_000);
});
