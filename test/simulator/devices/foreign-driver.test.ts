// Another program has bound a container's VF to its own driver, or is about to: the VF does not belong to the container
// any more, and DEL, GC and ADD only release the lease and remove the container's GUID from the PF.
import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { contrary, everything, isolated, kernels, type NamedRequest } from "../harness/common-requests.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import type { Fault } from "../harness/gate.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import { pathOf } from "../harness/records.ts";
import { messageChain } from "../harness/run.ts";
import { leaveOrphaned } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";

/** The actions of the other program. */
const driverChanges: Readonly<Record<string, (machine: Machine) => void>> = {
  "is bound to vfio-pci": ({ bus }) => bus.bindVfio(vf),
  "is bound to vfio-pci without an override": ({ bus }) => {
    bus.bindVfio(vf);
    bus.vf(vf, "clear its override").driverOverride = undefined;
  },
  "is open in a virtual machine": ({ bus }) => {
    bus.bindVfio(vf);
    bus.vf(vf, "open it").isOpen = true;
  },
  "has no driver and is reserved for vfio-pci": ({ bus }) => bus.reserveForVfio(vf),
};

const requests: NamedRequest[] = [
  { name: "no settings", request: { vf }, setting: {} },
  { name: "everything", request: everything, setting: {} },
  { name: "isolation", request: isolated, setting: kernels["on older kernels"] ?? {} },
  {
    name: "RDMA only",
    request: { ...everything, rdmaOnly: true, rdmaIsolation: true },
    setting: { rdmaOnly: true, rdma: "exclusive" },
  },
];

/** Returns DEL, GC, a forced release, and the ADD of another container. */
function foreignDriverScenarios(): Scenario[] {
  return Object.entries(driverChanges).flatMap(([what, change]) =>
    requests.flatMap(({ name, request, setting }): Scenario[] => {
      const title = `(${name}), whose VF ${what}`;
      const after = (arrange: (simulated: SimulatedNode) => void) => (simulated: SimulatedNode) => {
        // Nothing shows that the link state was the container's.
        if (request.linkState !== undefined) simulated.allowDifference("link state");
        arrange(simulated);
        simulated.changeNode(change);
      };
      const attached = after((simulated) => void simulated.mustAdd(c1, request));
      const common = { setting, pod: c1, request };
      const released = [
        { name: "then its DEL", run: thenAsBefore((simulated) => simulated.mustDel(c1, request)) },
      ];
      return [
        {
          ...common,
          name: `DEL ${title}`,
          arrange: attached,
          verb: "DEL",
          followUps: released,
        },
        {
          ...common,
          name: `a forced release ${title}`,
          arrange: attached,
          verb: (simulated, fault) => simulated.release(c1, { force: true }, fault),
          followUps: released,
        },
        {
          ...common,
          name: `GC of a terminated container ${title}`,
          arrange: after(leaveOrphaned(request)),
          verb: (simulated, fault) => simulated.gc([], fault),
          followUps: [{ name: "then GC", run: thenAsBefore((simulated) => simulated.mustGc([])) }],
        },
        {
          ...common,
          pod: c2,
          request: machineRequest(request),
          name: `another's ADD after a terminated container ${title}`,
          arrange: after(leaveOrphaned(request)),
          verb: "ADD",
          ends: what.startsWith("has no driver") ? "failed" : "done",
          followUps: [
            {
              name: "then both DELs",
              run: thenAsBefore((simulated) => {
                simulated.mustDel(c2, machineRequest(request));
                simulated.mustDel(c1, request);
                simulated.releaseLeaseAt();
              }),
            },
          ],
        },
      ];
    }),
  );
}

/** Returns DEL of the Go plugin's attachments. */
function foreignDriverOfGoPluginScenarios(): Scenario[] {
  return Object.entries(driverChanges).map(([what, change]) => ({
    name: `DEL of the Go plugin's attachment, whose VF ${what}`,
    // The Go plugin uses the port GUID as the node GUID, too.
    setting: { guid: guid("0a:00:00:00:00:00:00:05") },
    arrange: (simulated: SimulatedNode) => {
      simulated.allowDifference("link state");
      addByGoPlugin(simulated, c1, everything);
      simulated.changeNode(change);
    },
    verb: "DEL",
    followUps: [
      { name: "then its DEL", run: thenAsBefore((simulated) => simulated.mustDel(c1, everything)) },
    ],
  }));
}

/** Returns the request of a container with a virtual machine for such a VF. */
function machineRequest(request: NamedRequest["request"]): NamedRequest["request"] {
  const { subnets: _, rdmaIsolation, rdmaOnly, ...rest } = contrary(request);
  return rest;
}

/** Runs a release, and requires that the node is as if only the other program had changed it. */
function thenAsBefore(release: (simulated: SimulatedNode) => void): FollowUp["run"] {
  return (simulated) => {
    release(simulated);
    simulated.requireAsBefore("after the release");
  };
}

testScenarios("foreign driver", [...foreignDriverScenarios(), ...foreignDriverOfGoPluginScenarios()]);

test("a driver that takes the VF in the middle of DEL is not unbound, and the next DEL only releases", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.allowDifference("link state");
  const takenMeanwhile: Fault = ({ call, subject }) => {
    if (call === "lock.acquire" && subject.includes(".node"))
      simulated.changeNode(({ bus }) => bus.bindVfio(vf));
    return undefined;
  };
  const { end, error } = simulated.del(c1, everything, takenMeanwhile);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.node });
  expect(messageChain(error)).toMatch(/VF 0000:01:10.0 is bound to vfio-pci, not to mlx5_core/);
  expect(simulated.machine.bus.driverOf(vf)).toBe("vfio-pci");
  expect(simulated.del(c1, everything)).toMatchObject({ end: "done" });
  expect(simulated.machine.bus.driverOf(vf)).toBe("vfio-pci");
  expect(simulated.records(vf)).toEqual([]);
  expect(simulated.problems).toEqual([]);
});

test("its container keeps its record while a process runs in it, and another container can get the VF", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.allowDifference("link state");
  simulated.changeNode(({ bus }) => bus.bindVfio(vf));
  const pod = simulated.machine.paths.get(c1.netns);
  if (pod !== undefined) simulated.machine.startOther("trainer", { namespaces: [pod] });
  simulated.machine.time.pass(10 * 60_000);
  expect(simulated.gc([]).warnings).toContainEqual(
    expect.stringMatching(/c1 .* keeps VF .*process \d+ .* runs in/),
  );
  expect(simulated.records(vf)).toHaveLength(1);
  expect(simulated.add(c2, { vf })).toMatchObject({ end: "done" });
  simulated.mustDel(c1, everything);
  simulated.mustDel(c2, { vf });
  expect(simulated.records(vf)).toEqual([]);
  expect(simulated.problems).toEqual([]);
});

test("a virtual machine's VF that has the PF's driver again stays bound, and its PF gets its GUIDs back", () => {
  const simulated = new SimulatedNode({ vfio: true });
  const target = simulated.machine.bus.vf(vf, "bind it");
  const before = [target.adminNodeGuid, target.adminPortGuid];
  simulated.mustAdd(c1, everything);
  simulated.allowDifference("link state");
  simulated.changeNode(({ bus }) => {
    bus.unbind(vf, "vfio-pci");
    bus.vf(vf, "clear its override").driverOverride = undefined;
    bus.bind(vf, "mlx5_core");
  });
  const { end, calls, warnings } = simulated.del(c1, everything);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/is bound to mlx5_core, not to vfio-pci/));
  expect(calls.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  expect([target.adminNodeGuid, target.adminPortGuid]).toEqual(before);
  // The GUIDs come into effect when the other program binds the driver again.
  simulated.expectProblems(expect.stringContaining("runs 02:00:00:00:00:00:00:77 02:00:00:00:00:00:00:77"));
});

test("a missing netdev does not prove that a container is gone: another namespace can have the RDMA device", () => {
  const simulated = new SimulatedNode({ rdma: "exclusive" });
  simulated.mustAdd(c1, isolated);
  simulated.machine.bus.loseNetdev(vf);
  simulated.machine.paths.delete(c1.netns);
  const { end, warnings, calls } = simulated.gc([]);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(
    expect.stringMatching(/keeps VF .*its RDMA device .* is in another network namespace/),
  );
  expect(calls.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  expect(simulated.records(vf)).toHaveLength(1);
});

describe("DEL of a container without a record", () => {
  test.each([
    ["whose lock file does not name the attachment", false],
    ["whose lock file names the attachment", true],
  ])("binds no driver to a VF that is reserved for another driver, %s", (_, isNoted) => {
    const simulated = new SimulatedNode({});
    if (isNoted) {
      simulated.mustAdd(c1, { vf });
      simulated.machine.files.texts.delete(pathOf(c1));
    }
    simulated.changeNode(({ bus }) => bus.reserveForVfio(vf));
    const { end, calls, warnings } = simulated.del(c1, { vf });
    expect(end).toBe("done");
    expect(calls.filter(({ call }) => /bind$/.test(call))).toEqual([]);
    expect(warnings).toEqual(
      isNoted ? [expect.stringMatching(/has no driver, and its driver_override is vfio-pci/)] : [],
    );
  });

  test("binds no driver to a VF whose lock file does not name the attachment", () => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ bus }) => bus.unbind(vf, "mlx5_core"));
    const { end, calls } = simulated.del(c1, { vf });
    expect(end).toBe("done");
    expect(calls.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  });
});
