// A VF that another program has bound to a driver of its own, with everything that can befall DEL, GC and ADD.
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
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.forgive("link state");
  const takenMeanwhile: Fault = ({ call, subject }) => {
    if (call === "lock.acquire" && subject.includes(".node")) story.happens(({ bus }) => bus.bindVfio(vf));
    return undefined;
  };
  const { end, error } = story.del(c1, everything, takenMeanwhile);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.node });
  expect(messageChain(error)).toMatch(/VF 0000:01:10.0 is bound to vfio-pci, not to mlx5_core/);
  expect(story.machine.bus.driverOf(vf)).toBe("vfio-pci");
  expect(story.del(c1, everything)).toMatchObject({ end: "done" });
  expect(story.machine.bus.driverOf(vf)).toBe("vfio-pci");
  expect(story.records(vf)).toEqual([]);
  expect(story.problems).toEqual([]);
});

test("the container of such a VF keeps its record while something runs in it, and another one can have the VF", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.forgive("link state");
  story.happens(({ bus }) => bus.bindVfio(vf));
  const pod = story.machine.paths.get(c1.netns);
  if (pod !== undefined) pod.inhabited = true;
  story.machine.time.pass(10 * 60_000);
  expect(story.gc([]).warnings).toContainEqual(expect.stringMatching(/c1 .* keeps VF .*processes run in/));
  expect(story.records(vf)).toHaveLength(1);
  expect(story.add(c2, { vf })).toMatchObject({ end: "done" });
  story.mustDel(c1, everything);
  story.mustDel(c2, { vf });
  expect(story.records(vf)).toEqual([]);
  expect(story.problems).toEqual([]);
});

test("a VF for a virtual machine that is bound to the PF's driver again stays bound, and its PF has its GUIDs back", () => {
  const story = new SimulatedNode({ vfio: true });
  const target = story.machine.bus.vf(vf, "bind it");
  const before = [target.adminNodeGuid, target.adminPortGuid];
  story.mustAdd(c1, everything);
  story.forgive("link state");
  story.happens(({ bus }) => {
    bus.unbind(vf, "vfio-pci");
    bus.vf(vf, "clear its override").driverOverride = undefined;
    bus.bind(vf, "mlx5_core");
  });
  const { end, crossings, warnings } = story.del(c1, everything);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/is bound to mlx5_core, not to vfio-pci/));
  expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  expect([target.adminNodeGuid, target.adminPortGuid]).toEqual(before);
  // They come into effect when the other program binds the driver again.
  story.expectProblems(expect.stringContaining("runs 02:00:00:00:00:00:00:77 02:00:00:00:00:00:00:77"));
});

test("no netdev is no proof that a container is gone: another namespace can have the RDMA device", () => {
  const story = new SimulatedNode({ rdma: "exclusive" });
  story.mustAdd(c1, isolated);
  story.machine.bus.loseNetdev(vf);
  story.machine.paths.delete(c1.netns);
  const { end, warnings, crossings } = story.gc([]);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/keeps VF .*has not the RDMA device/));
  expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  expect(story.records(vf)).toHaveLength(1);
});

describe("DEL of a container without a record", () => {
  test.each([
    ["whose lock file does not name the attachment", false],
    ["whose lock file names the attachment", true],
  ])("binds no driver to a VF that is reserved for another one, %s", (_, isNoted) => {
    const story = new SimulatedNode({});
    if (isNoted) {
      story.mustAdd(c1, { vf });
      story.machine.files.texts.delete(pathOf(c1));
    }
    story.happens(({ bus }) => bus.reserveForVfio(vf));
    const { end, crossings, warnings } = story.del(c1, { vf });
    expect(end).toBe("done");
    expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
    expect(warnings).toEqual(
      isNoted ? [expect.stringMatching(/stays without a driver: its driver_override is vfio-pci/)] : [],
    );
  });

  test("binds no driver to a VF whose lock file does not name the attachment", () => {
    const story = new SimulatedNode({});
    story.happens(({ bus }) => bus.unbind(vf, "mlx5_core"));
    const { end, crossings } = story.del(c1, { vf });
    expect(end).toBe("done");
    expect(crossings.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  });
});
