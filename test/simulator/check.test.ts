// CHECK finds what is no longer as ADD made it, says so, and changes nothing.
import { afterAll, expect, test } from "vitest";
import { check } from "../../src/attachment/check.ts";
import { CniError } from "../../src/cni/errors.ts";
import { emptyResult } from "../../src/cni/result.ts";
import { ZERO_GUID } from "../../src/infiniband/guid.ts";
import { attachCall, type Wish } from "./harness/calls.ts";
import { casesOf } from "./harness/faults.ts";
import { type Run, run, told } from "./harness/run.ts";
import { Story } from "./harness/story.ts";
import { report } from "./harness/test-scenarios.ts";
import { c1, c2, deviceInfo, type Setting, vf } from "./harness/world.ts";
import type { Machine } from "./model/machine.ts";
import { ipoib, ipoibAddress, type Netdev } from "./model/netdev.ts";
import type { Fault } from "./node/gate.ts";
import { isolated } from "./scenarios/isolation.ts";
import { everything } from "./scenarios/wishes.ts";

/** What fewer want. */
const choosy: Wish = { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo };
const isolatedSetting = { rdma: "exclusive", rdmaDevices: 2 } as const;

let total = 0;
afterAll(() => report("CHECK", total));

/** A container that has its VF, and its CHECK. */
function attached(wish: Wish = everything, setting: Setting = {}) {
  const story = new Story(setting);
  const { result } = story.mustAdd(c1, wish);
  const prevResult = result ?? emptyResult();
  const checked = (fault?: Fault): Run =>
    run(
      story.machine,
      c1,
      "CHECK",
      (node, warn) => {
        check(node, { ...attachCall(node, c1, wish, warn), prevResult });
        return undefined;
      },
      fault,
    );
  return { story, checked };
}

test.each([
  ["usual", everything, {}],
  ["choosy", choosy, {}],
  ["isolated", isolated, isolatedSetting],
] as const)("an attachment that is as it should be passes (%s)", (_, wish, setting) => {
  total++;
  const { story, checked } = attached(wish, setting);
  const before = story.lines();
  expect(checked()).toMatchObject({ end: "done", warnings: [], offences: [] });
  story.requireUnchanged(before, "after CHECK");
  expect(story.problems).toEqual([]);
});

/** The container's interface. */
function netdevOf(machine: Machine): Netdev {
  const netdev = machine.paths.get(c1.netns)?.named(c1.ifname)?.[1];
  if (netdev === undefined) throw new Error("the pod has no interface");
  return netdev;
}

const damages: Readonly<Record<string, (machine: Machine) => void>> = {
  "the interface is down": (machine) => {
    netdevOf(machine).up = false;
  },
  "the interface has another name": (machine) => {
    netdevOf(machine).name = "mine";
  },
  "the interface lacks its address": (machine) => {
    netdevOf(machine).addresses = [];
  },
  "another netdev has the interface's name": (machine) => {
    const pod = machine.paths.get(c1.netns);
    pod?.remove(netdevOf(machine));
    const foreign = ipoib("0000:01:10.4", ipoibAddress(1, ZERO_GUID));
    foreign.up = true;
    pod?.add(foreign, c1.ifname);
  },
  "the VF has another link state": (machine) => {
    machine.bus.vf(vf, "set its link state").linkState = "disable";
  },
  "the VF runs with another GUID": (machine) => {
    const target = machine.bus.vf(vf, "set its GUID");
    if (target.probed !== undefined) target.probed = { ...target.probed, nodeGuid: ZERO_GUID };
  },
  "the lease is gone": ({ leases }) => leases.leases.clear(),
  "the namespace is gone": (machine) => machine.deleteNamespace(c1.netns),
  "the record is gone": ({ files }) => void files.texts.delete("/var/lib/cni/ib-sriov/c1-net1"),
};

/** The same of a container that has the VF's RDMA devices for itself. */
const isolationDamages: Readonly<Record<string, (machine: Machine) => void>> = {
  "one RDMA device is on the host": (machine) => {
    const device = machine.bus.vf(vf, "look at it").probed?.devices[1];
    if (device !== undefined) device.where = machine.host;
  },
  "another container has the RDMA devices": (machine) => {
    const pod = machine.paths.get(c2.netns);
    for (const device of machine.bus.vf(vf, "look at it").probed?.devices ?? [])
      device.where = pod ?? device.where;
  },
  "the VF in the container runs with another GUID": (machine) => {
    const target = machine.bus.vf(vf, "set its GUID");
    if (target.probed !== undefined) target.probed = { ...target.probed, nodeGuid: ZERO_GUID };
  },
};

/** The same of one that wants what fewer want. */
const choosyDamages: Readonly<Record<string, (machine: Machine) => void>> = {
  "the MTU is another": (machine) => {
    netdevOf(machine).mtu = 1500;
  },
  "the carrier is gone": (machine) => {
    netdevOf(machine).carrier = false;
  },
  "the file that tells of the device tells of another": ({ files }) =>
    void files.texts.set(deviceInfo, '{"pci":{"rdma-device":"mlx5_9"}}'),
};

test.each([
  ...Object.entries(damages).map(([what, damage]) => ({ what, damage, wish: everything, setting: {} })),
  ...Object.entries(choosyDamages).map(([what, damage]) => ({ what, damage, wish: choosy, setting: {} })),
  ...Object.entries(isolationDamages).map(([what, damage]) => ({
    what,
    damage,
    wish: isolated,
    setting: isolatedSetting,
  })),
])("it fails where $what", ({ damage, wish, setting }) => {
  total++;
  const { story, checked } = attached(wish, setting);
  damage(story.machine);
  const before = story.lines();
  const { end, error, offences } = checked();
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(offences).toEqual([]);
  story.requireUnchanged(before, "after CHECK");
  expect(story.problems).toEqual([]);
});

test.each([
  ["usual", everything, {}],
  ["choosy", choosy, {}],
  ["isolated", isolated, isolatedSetting],
] as const)("whatever befalls it, it tells, and changes nothing (%s)", (_, wish, setting) => {
  const { crossings } = attached(wish, setting).checked();
  for (const each of casesOf(crossings)) {
    total++;
    const { story, checked } = attached(wish, setting);
    const before = story.lines();
    const { end, error, offences } = checked(each.fault);
    expect(offences, each.name).toEqual([]);
    if (end === "failed" && each.mustTell !== undefined)
      expect(told(error), each.name).toContain(each.mustTell);
    story.requireUnchanged(before, each.name);
    story.mustDel(c1, wish);
    story.requireAsBefore("after DEL");
    expect(story.problems, each.name).toEqual([]);
  }
});
