import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { derivedGuidRequest, everything, same } from "../harness/common-requests.ts";
import { administratorsGuids, c1, c2, freshGuid, freshVf, ownGuids, vf } from "../harness/default-node.ts";
import { killAt } from "../harness/faults.ts";
import { thenAnother } from "../harness/follow-ups.ts";
import { driver } from "../harness/prepare.ts";
import { rebinds } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pfGuid } from "../model/bus.ts";
import type { Machine } from "../model/machine.ts";

function probeWith({ bus }: Machine, adminNodeGuid: Guid, adminPortGuid: Guid): void {
  Object.assign(bus.vf(freshVf, "set"), { adminNodeGuid, adminPortGuid });
  bus.unbind(freshVf, driver);
  bus.bind(freshVf, driver);
}

/** The PF has GUIDs for the fresh VF that are not in effect. As before means: they are in effect. */
function setGuidsNotInEffect(simulated: SimulatedNode): void {
  const { node, port } = administratorsGuids;
  simulated.changeNode((machine) => probeWith(machine, node, port));
  probeWith(simulated.machine, ZERO_GUID, ZERO_GUID);
  Object.assign(simulated.machine.bus.vf(freshVf, "set"), { adminNodeGuid: node, adminPortGuid: port });
  simulated.allowDifference("attributes");
}

/** If the kernel did not report the PF's GUIDs, `provision` has assigned the derived GUID instead. */
function resetGuidsNotInEffect({ machine }: SimulatedNode): void {
  const { node, port } = administratorsGuids;
  if (machine.bus.vf(freshVf, "look").probed?.portGuid === freshGuid) probeWith(machine, node, port);
}

/** If a call was killed in the middle of the fresh VF's probe, the VF needs `bind`. */
function completeProbe(simulated: SimulatedNode): void {
  const { bus } = simulated.machine;
  if (bus.driverOf(freshVf) !== undefined && bus.netdevsOf(freshVf) === 0) simulated.bind(freshVf);
}

/** Returns scenarios in which the command `provision` gives free VFs their GUIDs. */
function provisionScenarios(): Scenario[] {
  const arrange = (simulated: SimulatedNode) => simulated.allowDifference("derived GUID");
  const killBind = (simulated: SimulatedNode) => {
    arrange(simulated);
    simulated.allowDifference("attributes");
    simulated.machine.bus.unbind(freshVf, driver);
    simulated.bind(freshVf, killAt({ call: "files.create" }));
  };
  const cases = [
    ["a fresh VF", freshVf, {}, arrange],
    ["a VF without a driver that bind was killed for", freshVf, {}, killBind],
    ["a VF whose PF has GUIDs for it that are not in effect", freshVf, {}, setGuidsNotInEffect],
    ["a VF that has a GUID", vf, {}, arrange],
    ["a VF for virtual machines", vf, { vfio: true }, arrange],
    ["a VF without a netdev", vf, { rdmaOnly: true }, arrange],
    ["a VF that has a GUID, without ib_ipoib", vf, { withoutIpoib: true }, arrange],
    [
      "a VF that a killed ADD has left behind",
      vf,
      {},
      (simulated: SimulatedNode) => {
        arrange(simulated);
        simulated.killAdd(c1, everything, { call: "links.move" });
      },
    ],
  ] as const;
  return cases.map(([name, pci, setting, before]) => ({
    name: `provision of ${name}`,
    setting,
    request: { ...derivedGuidRequest, vf: pci },
    arrange: before,
    verb: (simulated, fault) => simulated.provision(pci, fault),
    followUps: [
      {
        name: "then again",
        run(simulated) {
          completeProbe(simulated);
          if (simulated.provision(pci).end !== "done") simulated.problems.push("every provision fails");
          if (before === setGuidsNotInEffect) resetGuidsNotInEffect(simulated);
          simulated.releaseLeaseAt();
          simulated.requireAsBefore("after provision");
        },
      },
      ...(before === arrange && pci === freshVf ? [thenAnother(c2, same)] : []),
    ],
  }));
}

testScenarios("provision", provisionScenarios());

describe("provision", () => {
  test("makes the first pod's rebind unnecessary, and changes nothing the second time", () => {
    const simulated = new SimulatedNode({});
    expect(rebinds(simulated.provision(freshVf))).toBe(1);
    expect(rebinds(simulated.provision(freshVf))).toBe(0);
    expect(simulated.machine.bus.vf(freshVf, "look").probed?.portGuid).toBe(freshGuid);
    expect(rebinds(simulated.mustAdd(c1, derivedGuidRequest))).toBe(0);
  });

  test("puts GUIDs into effect that the PF has for the VF", () => {
    const simulated = new SimulatedNode({});
    setGuidsNotInEffect(simulated);
    expect(rebinds(simulated.provision(freshVf))).toBe(1);
    const { node: nodeGuid, port: portGuid } = administratorsGuids;
    expect(simulated.machine.bus.vf(freshVf, "look").probed).toMatchObject({ nodeGuid, portGuid });
    expect(rebinds(simulated.provision(freshVf))).toBe(0);
  });

  test("assigns the derived GUID if another device has the GUID that its PF has for it", () => {
    const simulated = new SimulatedNode({});
    const { bus } = simulated.machine;
    const { node, port } = ownGuids;
    Object.assign(bus.vf(freshVf, "set"), { adminNodeGuid: node, adminPortGuid: port });
    expect(simulated.provision(freshVf).end).toBe("done");
    expect(bus.vf(freshVf, "look").probed?.portGuid).toBe(freshGuid);
    simulated.allowDifference("derived GUID");
  });

  test("--replace assigns another derived GUID, which no other device has, and it stays", () => {
    const simulated = new SimulatedNode({});
    const { bus } = simulated.machine;
    simulated.provision(freshVf);
    const taken = [derivedGuid(pfGuid, 2, 1)];
    expect(rebinds(simulated.provision(freshVf, undefined, { replace: true, taken }))).toBe(1);
    const replaced = derivedGuid(pfGuid, 2, 2);
    expect(bus.vf(freshVf, "look").probed).toMatchObject({ nodeGuid: replaced, portGuid: replaced });
    expect(rebinds(simulated.provision(freshVf))).toBe(0);
    simulated.expectProblems(expect.stringContaining("not as before"));
  });

  test("names ib_ipoib, without which no VF can get a GUID", () => {
    const simulated = new SimulatedNode({ withoutIpoib: true });
    expect(simulated.provision(freshVf)).toMatchObject({
      end: "failed",
      error: { code: codes.node, message: expect.stringMatching(/PF .* has no netdev.*modprobe ib_ipoib/) },
    });
    simulated.requireAsBefore("after provision");
  });

  test("leaves a VF that a running container has", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const before = simulated.lines();
    expect(simulated.provision(vf)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    simulated.requireUnchanged(before, "after provision");
  });
});
