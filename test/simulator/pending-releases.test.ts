// Pending releases: leases of orphaned attachments.
import { describe, expect, test } from "vitest";
import { guid } from "../support/records.ts";
import { c1, c2, c3, freshVf, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { Refusal } from "./model/refusal.ts";
import type { Fault } from "./node/gate.ts";
import { everything } from "./scenarios/requests.ts";

test("the next ADD releases the leases of all orphaned attachments", () => {
  const simulated = new SimulatedNode({});
  simulated.add(c1, everything, killedAfter("processes.start"));
  // Each ADD takes the VF over from the one before, and is killed before it has released that lease.
  simulated.add(c2, everything, killedAfter("processes.start"));
  expect(simulated.pendingReleases()).toHaveLength(1);
  simulated.mustAdd(c3, everything);
  expect(simulated.pendingReleases()).toEqual([]);
  expect([...simulated.machine.leases.leases.values()].filter((holder) => /^c[12] /.test(holder))).toEqual(
    [],
  );
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("the last attachment's DEL releases the leases of all orphaned attachments", () => {
  const simulated = new SimulatedNode({});
  for (const pod of [c1, c2, c3]) simulated.add(pod, everything, killedAfter("processes.start"));
  expect(simulated.pendingReleases()).toHaveLength(2);
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("leases that cannot be released at once stay pending", () => {
  const simulated = new SimulatedNode({});
  for (const pod of [c1, c2]) simulated.add(pod, everything, killedAfter("processes.start"));
  let started = 0;
  const onlyAdd: Fault = ({ call }) =>
    call === "processes.start" && ++started > 1 ? { end: new Refusal("EAGAIN", call) } : undefined;
  expect(simulated.add(c3, everything, onlyAdd).end).toBe("done");
  expect(simulated.pendingReleases()).toHaveLength(2);
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("a lease that its container has again is not released", () => {
  const simulated = new SimulatedNode({});
  simulated.add(c1, everything, killedAfter("processes.start"));
  // Takes the VF over, and is killed before it has released c1's lease.
  simulated.add(c2, everything, killedAfter("files.rename"));
  expect(simulated.pendingReleases()).toHaveLength(1);

  // The same container again, on another VF. The first ADD fails because a lease of the same name exists; its rollback
  // releases that.
  const again = { ...everything, vf: freshVf, guid: guid("02:00:00:00:00:00:00:79") };
  expect(simulated.add(c1, again).end).toBe("failed");
  expect(simulated.mustAdd(c1, again).end).toBe("done");
  simulated.releasePending();
  expect(simulated.pendingReleases()).toEqual([]);
  expect([...simulated.machine.leases.leases.values()]).toContain("c1 net1");

  simulated.mustDel(c1, again);
  simulated.mustDel(c2, everything);
  simulated.requireAsBefore("after both DELs");
});

test("two leases of one container in two networks are both pending, and both are released", () => {
  const simulated = new SimulatedNode({});
  for (const request of [everything, { ...everything, network: "othernet" }]) {
    simulated.add(c1, request, killedAfter("links.move"));
    simulated.add(c2, everything, killedAfter("files.rename"));
  }
  expect(simulated.pendingReleases()).toHaveLength(3);
  simulated.mustDel(c2, everything);
  simulated.requireAsBefore("after DEL");
  expect(simulated.machine.bus.driverOf(vf)).toBeDefined();
});

/** Changes c1's record as if ADD had been called with a CNI_PATH that contains no plugins any more. */
function movePlugins({ machine: { files } }: SimulatedNode): void {
  const path = `${stateDirectory}/c1-net1`;
  const text = files.texts.get(path)?.replace('"path":"/opt/cni/bin"', '"path":"/opt/old/bin"') ?? "";
  expect(text).toContain("/opt/old/bin");
  files.texts.set(path, text);
}

describe("if the CNI_PATH of ADD has no plugin any more, the caller's CNI_PATH is used, at", () => {
  test("GC", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  });

  test("gc", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    expect(simulated.gcOfAll().end).toBe("done");
    simulated.requireAsBefore("after gc");
  });

  test("the next container's ADD", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    simulated.mustAdd(c2, everything);
    expect(simulated.pendingReleases()).toEqual([]);
    simulated.mustDel(c2, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("the same container's next ADD", () => {
    const simulated = new SimulatedNode({});
    simulated.add(c1, everything, killedAfter("links.move"));
    movePlugins(simulated);
    simulated.mustAdd(c1, everything);
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("DEL of another network's configuration", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.mustDel(c1, { ...everything, subnets: ["10.9.0.0/24"] });
    simulated.requireAsBefore("after DEL");
  });
});
