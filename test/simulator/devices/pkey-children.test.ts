// pkey children: those that a container has created end with its attachment, and a VF with children on the host is
// refused.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { contrary, requestedGuid, requests, same } from "../harness/common-requests.ts";
import { c1, c2, c3, vf } from "../harness/default-node.ts";
import { thenAnother, thenDelOfBoth } from "../harness/follow-ups.ts";
import { interfaceOf, netdevOnHost } from "../harness/prepare.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { Run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pkeyChild, virtual } from "../model/netdev.ts";

/** Returns ADD for a VF of a container whose namespace is gone, with pkey children in it and in another namespace. */
function childrenScenarios(): Scenario[] {
  const different = requests().filter(({ name }) => ["no settings", "everything"].includes(name));
  return different.flatMap(({ name, request, setting }) =>
    [same, contrary].map((next): Scenario => {
      const otherRequest = next(request);
      return {
        name: `ADD (${next.name}) after another's namespace with pkey children is gone (${name})`,
        setting,
        pod: c2,
        request: otherRequest,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          const { netns, netdev } = interfaceOf(simulated.machine, c1);
          netns.add(pkeyChild(netdev), "net1.8001");
          simulated.machine.paths.get(c3.netns)?.add(pkeyChild(netdev), "net1.8002");
          simulated.deleteNamespace(c1);
        },
        verb: "ADD",
        followUps: [thenDelOfBoth(c1, request, "this one first"), thenAnother(c3, same)],
      };
    }),
  );
}

testScenarios("pkey children", childrenScenarios());

const plain: AttachmentRequest = { vf };

const callsOf = ({ calls }: Run) => calls.map(({ call }) => call);

describe("DEL", () => {
  test("neither rebinds a VF without children nor searches all netdevs for them", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, plain);
    simulated.mustDel(c1, plain);
    simulated.mustAdd(c1, plain);
    const calls = callsOf(simulated.del(c1, plain));
    for (const call of ["functions.unbind", "links.ofIpoib"]) expect(calls).not.toContain(call);
    simulated.requireAsBefore("after DEL");
  });

  test("removes those in the container's namespace, and rebinds only if there are others", () => {
    for (const elsewhere of [false, true]) {
      const simulated = new SimulatedNode({});
      simulated.mustAdd(c1, plain);
      const { netns, netdev } = interfaceOf(simulated.machine, c1);
      netns.add(pkeyChild(netdev), "net1.8001");
      if (elsewhere) simulated.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
      const ran = simulated.del(c1, plain);
      expect(callsOf(ran).includes("functions.unbind")).toBe(elsewhere);
      expect(ran.warnings.join().includes("has pkey children outside of its container")).toBe(elsewhere);
      simulated.requireAsBefore("after DEL");
    }
  });

  test("rebinds if the kernel does not report whether there are any", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, plain);
    const { netdev } = interfaceOf(simulated.machine, c1);
    simulated.machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
    simulated.machine.bus.rdma.showsKernelObjects = false;
    const ran = simulated.del(c1, plain);
    expect(ran.warnings).toContainEqual(expect.stringContaining("the kernel does not report whether VF"));
    simulated.requireAsBefore("after DEL");
  });
});

describe("ADD", () => {
  const requests: AttachmentRequest[] = [
    plain,
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
    simulated.changeNode((machine) => void machine.host.add(pkeyChild(netdevOnHost(machine, vf)), "storage"));
    const message = "its netdev ibp1s0f0v0 has the pkey children storage; ip link del storage";
    expect(refused(simulated, request).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("finds a child even if the kernel hides its own objects", () => {
    const simulated = new SimulatedNode({});
    simulated.machine.bus.rdma.showsKernelObjects = false;
    simulated.mustAdd(c2, plain);
    simulated.mustDel(c2, plain);
    simulated.changeNode((machine) => void machine.host.add(pkeyChild(netdevOnHost(machine, vf)), "storage"));
    expect(refused(simulated, plain).error).toMatchObject({ message: expect.stringContaining("storage") });
  });

  test("refuses a VF whose netdev has a pkey child in a namespace without a path", () => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(
      (machine) => void machine.paths.get(c2.netns)?.add(pkeyChild(netdevOnHost(machine, vf)), "storage"),
    );
    expect(refused(simulated, plain).error).toMatchObject({
      message: expect.stringContaining("has pkey children in another network namespace"),
    });
  });

  test.each(requests)("refuses a VF whose netdev is a port of a bond", (request) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode((machine) => {
      const bond = virtual();
      machine.host.add(bond, "bond0");
      netdevOnHost(machine, vf).master = bond;
    });
    const message = "its netdev ibp1s0f0v0 is a port of bond0; ip link set ibp1s0f0v0 nomaster";
    expect(refused(simulated, request).error).toMatchObject({ message: expect.stringContaining(message) });
  });

  test("warns of addresses that the host has set on the netdev, but not of the kernel's own", () => {
    const simulated = new SimulatedNode({});
    const settled = { tentative: false, dadFailed: false };
    netdevOnHost(simulated.machine, vf).addresses = ["192.0.2.7/24", "fe80::1/64"].map((cidr) => ({
      cidr,
      ...settled,
    }));
    const { end, warnings } = simulated.add(c1, plain);
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringContaining("has the address 192.0.2.7/24 on the host"));
  });
});
