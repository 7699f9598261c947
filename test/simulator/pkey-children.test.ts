// pkey children: those that a container has created end with its attachment, and a VF with children on the host is
// refused.
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
  test("neither rebinds a VF without children nor searches all netdevs for them", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, kept);
    simulated.mustDel(c1, kept);
    simulated.mustAdd(c1, kept);
    const calls = callsOf(simulated.del(c1, kept));
    for (const call of ["functions.unbind", "links.ofIpoib"]) expect(calls).not.toContain(call);
    simulated.requireAsBefore("after DEL");
  });

  test("removes those in the container's namespace, and rebinds only if there are others", () => {
    for (const elsewhere of [false, true]) {
      const simulated = new SimulatedNode({});
      simulated.mustAdd(c1, kept);
      const { pod, netdev } = inPod(simulated);
      pod.add(pkeyChild(netdev), "net1.8001");
      if (elsewhere) simulated.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
      const ran = simulated.del(c1, kept);
      expect(callsOf(ran).includes("functions.unbind")).toBe(elsewhere);
      expect(ran.warnings.join().includes("has pkey children outside of its container")).toBe(elsewhere);
      simulated.requireAsBefore("after DEL");
    }
  });

  test("rebinds if the kernel does not report whether there are any", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, kept);
    const { netdev } = inPod(simulated);
    simulated.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
    simulated.machine.bus.rdma.showsKernelObjects = false;
    const ran = simulated.del(c1, kept);
    expect(ran.warnings).toContainEqual(expect.stringContaining("the kernel does not report whether VF"));
    simulated.requireAsBefore("after DEL");
  });
});

describe("ADD", () => {
  const requests: AttachmentRequest[] = [
    kept,
    { vf, guid: requestedGuid, linkState: "enable", subnets: ["10.1.0.0/24"] },
  ];

  function refused(simulated: SimulatedNode, request: AttachmentRequest): Run {
    const before = simulated.lines();
    const ran = simulated.add(c1, request);
    expect(ran.error).toBeInstanceOf(CniError);
    expect(ran.error).toMatchObject({ code: codes.deviceInUse });
    simulated.requireUnchanged(before, "after a refused ADD");
    return ran;
  }

  test.each(requests)("refuses a VF whose netdev has a pkey child on the host, and names it", (request) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode((machine) => void machine.host.add(pkeyChild(onHost(machine)), "storage"));
    const message = "its netdev ibp1s0f0v0 has the pkey children storage; ip link del storage";
    expect(refused(simulated, request).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("finds a child even if the kernel hides its own objects", () => {
    const simulated = new SimulatedNode({});
    simulated.machine.bus.rdma.showsKernelObjects = false;
    simulated.mustAdd(c2, kept);
    simulated.mustDel(c2, kept);
    simulated.changeNode((machine) => void machine.host.add(pkeyChild(onHost(machine)), "storage"));
    expect(refused(simulated, kept).error).toMatchObject({ message: expect.stringContaining("storage") });
  });

  test("refuses a VF whose netdev has a pkey child in a namespace without a path", () => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(
      (machine) => void machine.paths.get(c2.netns)?.add(pkeyChild(onHost(machine)), "storage"),
    );
    expect(refused(simulated, kept).error).toMatchObject({
      message: expect.stringContaining("has pkey children in another network namespace"),
    });
  });

  test.each(requests)("refuses a VF whose netdev is a port of a bond", (request) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode((machine) => {
      const bond = virtual();
      machine.host.add(bond, "bond0");
      onHost(machine).master = bond;
    });
    const message = "its netdev ibp1s0f0v0 is a port of bond0; ip link set ibp1s0f0v0 nomaster";
    expect(refused(simulated, request).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("warns of addresses that the host has set on the netdev, but not of the kernel's own", () => {
    const simulated = new SimulatedNode({});
    const settled = { tentative: false, dadFailed: false };
    onHost(simulated.machine).addresses = ["192.0.2.7/24", "fe80::1/64"].map((cidr) => ({
      cidr,
      ...settled,
    }));
    const { end, warnings } = simulated.add(c1, kept);
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringContaining("has the address 192.0.2.7/24 on the host"));
  });
});
