// pkey children: those that a container has made end with its attachment, and those of the host keep a VF from it.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { c1, c2, vf } from "./harness/default-node.ts";
import type { AttachmentRequest } from "./harness/requests.ts";
import type { Run } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import type { Machine } from "./model/machine.ts";
import { type Netdev, pkeyChild, virtual } from "./model/netdev.ts";
import { childrenScenarios } from "./scenarios/pkey-children.ts";
import { requestedGuid } from "./scenarios/requests.ts";

testScenarios("pkey children", childrenScenarios());

const kept: AttachmentRequest = { vf };

function onHost({ host }: Machine): Netdev {
  const netdev = host.ofFunction(vf)[0]?.[1];
  if (netdev === undefined) throw new Error("the VF has no netdev on the host");
  return netdev;
}

function inPod({ machine }: SimulatedNode) {
  const pod = machine.paths.get(c1.netns);
  const netdev = pod?.named(c1.ifname)?.[1];
  if (pod === undefined || netdev === undefined) throw new Error("the pod has no interface");
  return { pod, netdev };
}

const callsOf = ({ crossings }: Run) => crossings.map(({ call }) => call);

describe("DEL", () => {
  test("neither rebinds a VF without children nor looks at all netdevs for them", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, kept);
    story.mustDel(c1, kept);
    story.mustAdd(c1, kept);
    const calls = callsOf(story.del(c1, kept));
    for (const call of ["functions.unbind", "links.ofIpoib"]) expect(calls).not.toContain(call);
    story.requireAsBefore("after DEL");
  });

  test("removes those of the container's namespace, and rebinds only if there are others", () => {
    for (const elsewhere of [false, true]) {
      const story = new SimulatedNode({});
      story.mustAdd(c1, kept);
      const { pod, netdev } = inPod(story);
      pod.add(pkeyChild(netdev), "net1.8001");
      if (elsewhere) story.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
      const ran = story.del(c1, kept);
      expect(callsOf(ran).includes("functions.unbind")).toBe(elsewhere);
      expect(ran.warnings.join().includes("has pkey children outside of its container")).toBe(elsewhere);
      story.requireAsBefore("after DEL");
    }
  });

  test("rebinds where the kernel does not tell whether there are any", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, kept);
    const { netdev } = inPod(story);
    story.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
    story.machine.bus.rdma.showsKernelObjects = false;
    const ran = story.del(c1, kept);
    expect(ran.warnings).toContainEqual(expect.stringContaining("the kernel does not tell whether VF"));
    story.requireAsBefore("after DEL");
  });
});

describe("ADD", () => {
  const wishes: AttachmentRequest[] = [
    kept,
    { vf, guid: requestedGuid, linkState: "enable", subnets: ["10.1.0.0/24"] },
  ];

  function refused(story: SimulatedNode, wish: AttachmentRequest): Run {
    const before = story.lines();
    const ran = story.add(c1, wish);
    expect(ran.error).toBeInstanceOf(CniError);
    expect(ran.error).toMatchObject({ code: codes.deviceInUse });
    story.requireUnchanged(before, "after a refused ADD");
    return ran;
  }

  test.each(wishes)("refuses a VF whose netdev has a pkey child on the host, and names it", (wish) => {
    const story = new SimulatedNode({});
    story.happens((machine) => void machine.host.add(pkeyChild(onHost(machine)), "storage"));
    const message = "its netdev ibp1s0f0v0 has the pkey children storage; ip link del storage";
    expect(refused(story, wish).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("finds it also where the kernel hides what it has allocated", () => {
    const story = new SimulatedNode({});
    story.machine.bus.rdma.showsKernelObjects = false;
    story.mustAdd(c2, kept);
    story.mustDel(c2, kept);
    story.happens((machine) => void machine.host.add(pkeyChild(onHost(machine)), "storage"));
    expect(refused(story, kept).error).toMatchObject({ message: expect.stringContaining("storage") });
  });

  test("refuses a VF whose netdev has a pkey child in a namespace that nobody names", () => {
    const story = new SimulatedNode({});
    story.happens((machine) => void machine.paths.get(c2.netns)?.add(pkeyChild(onHost(machine)), "storage"));
    expect(refused(story, kept).error).toMatchObject({
      message: expect.stringContaining("has pkey children that are not to be found here"),
    });
  });

  test.each(wishes)("refuses a VF whose netdev is a port of a bond", (wish) => {
    const story = new SimulatedNode({});
    story.happens((machine) => {
      const bond = virtual();
      machine.host.add(bond, "bond0");
      onHost(machine).master = bond;
    });
    const message = "its netdev ibp1s0f0v0 is a port of bond0; ip link set ibp1s0f0v0 nomaster";
    expect(refused(story, wish).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("warns of addresses that the host has given to the netdev, but not of what the kernel has", () => {
    const story = new SimulatedNode({});
    const settled = { tentative: false, dadFailed: false };
    onHost(story.machine).addresses = ["192.0.2.7/24", "fe80::1/64"].map((cidr) => ({ cidr, ...settled }));
    const { end, warnings } = story.add(c1, kept);
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringContaining("has the address 192.0.2.7/24 on the host"));
  });
});
