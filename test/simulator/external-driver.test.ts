// A VF that another program has bound to its own driver: DEL, GC and ADD with all their faults.
import { describe, expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { c1, c2, vf } from "./harness/default-node.ts";
import { pathOf } from "./harness/records.ts";
import { messageChain } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import type { Fault } from "./node/gate.ts";
import { externalDriverOfGoPluginScenarios, externalDriverScenarios } from "./scenarios/external-driver.ts";
import { isolated } from "./scenarios/isolation.ts";
import { everything } from "./scenarios/requests.ts";

testScenarios("external driver", [...externalDriverScenarios(), ...externalDriverOfGoPluginScenarios()]);

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
  if (pod !== undefined) pod.inhabited = true;
  simulated.machine.time.pass(10 * 60_000);
  expect(simulated.gc([]).warnings).toContainEqual(
    expect.stringMatching(/c1 .* keeps VF .*processes run in/),
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
  const { end, crossings, warnings } = simulated.del(c1, everything);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/is bound to mlx5_core, not to vfio-pci/));
  expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  expect([target.adminNodeGuid, target.adminPortGuid]).toEqual(before);
  // The GUIDs come into effect when the other program binds the driver again.
  simulated.expectProblems(expect.stringContaining("runs 02:00:00:00:00:00:00:77 02:00:00:00:00:00:00:77"));
});

test("a missing netdev does not prove that a container is gone: another namespace can have the RDMA device", () => {
  const simulated = new SimulatedNode({ rdma: "exclusive" });
  simulated.mustAdd(c1, isolated);
  simulated.machine.bus.loseNetdev(vf);
  simulated.machine.paths.delete(c1.netns);
  const { end, warnings, crossings } = simulated.gc([]);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/keeps VF .*does not have the RDMA device/));
  expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
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
    const { end, crossings, warnings } = simulated.del(c1, { vf });
    expect(end).toBe("done");
    expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
    expect(warnings).toEqual(
      isNoted ? [expect.stringMatching(/stays without a driver: its driver_override is vfio-pci/)] : [],
    );
  });

  test("binds no driver to a VF whose lock file does not name the attachment", () => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ bus }) => bus.unbind(vf, "mlx5_core"));
    const { end, crossings } = simulated.del(c1, { vf });
    expect(end).toBe("done");
    expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  });
});
