// CHECK finds settings that are no longer as ADD made them, reports them, and changes nothing.
import { afterAll, expect, test } from "vitest";
import { CniError } from "../../../src/cni/errors.ts";
import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { everything, isolated, partition, partitioned } from "../harness/common-requests.ts";
import { c1, c2, deviceInfo, vf } from "../harness/default-node.ts";
import { faultsOf } from "../harness/faults.ts";
import { interfaceOf } from "../harness/prepare.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { report } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { ipoib, ipoibAddress, pkeyChild } from "../model/netdev.ts";
import { attached } from "./attached.ts";

/** A request with uncommon settings. */
const uncommon: AttachmentRequest = { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo, partition };
const isolatedSetting = { rdma: "exclusive", rdmaDevices: 2 } as const;
let total = 0;
afterAll(() => report("CHECK", total));

test.each([
  ["common", everything, {}],
  ["uncommon", uncommon, partitioned],
  ["isolated", isolated, isolatedSetting],
] as const)("an attachment that is as ADD made it passes (%s)", (_, request, setting) => {
  total++;
  const { simulated, checked } = attached(request, setting);
  const before = simulated.lines();
  expect(checked()).toMatchObject({ end: "done", warnings: [], violations: [] });
  simulated.requireUnchanged(before, "after CHECK");
});

const otherNetdev =
  /net1 is a pkey child or another netdev without a device, and not the netdev of VF 0000:01:10\.0/;

/** Gives the interface's name to a pkey child of the VF's netdev. */
function nameChild(machine: Machine, where: "beside" | "elsewhere"): void {
  const { netns, netdev } = interfaceOf(machine, c1);
  const index = netns.indexOf(netdev);
  const child = pkeyChild(netdev);
  child.up = true;
  netdev.name = "mine";
  if (where === "elsewhere") {
    netns.remove(netdev);
    machine.host.add(netdev, "mine", index);
  }
  // The kernel does not report the namespace of a child's lower netdev. With the same index, the child seems to be its
  // own lower netdev.
  netns.add(child, c1.ifname, index);
}

/** Damages of an attachment, and what CHECK reports: the expected and the actual setting. */
const damages: readonly [what: string, damage: (machine: Machine) => unknown, pattern: RegExp][] = [
  [
    "the interface is down",
    (machine) => Object.assign(interfaceOf(machine, c1).netdev, { up: false }),
    /net1 is down; ADD left it up/,
  ],
  [
    "the interface has another name",
    (machine) => Object.assign(interfaceOf(machine, c1).netdev, { name: "mine" }),
    /no interface net1/,
  ],
  [
    "the interface lacks its address",
    (machine) => Object.assign(interfaceOf(machine, c1).netdev, { addresses: [] }),
    /lacks the address 10\.1\.0\.2\/24; it has none/,
  ],
  [
    "the interface lacks its route",
    (machine) => Object.assign(interfaceOf(machine, c1).netdev, { routes: [] }),
    /lacks the route 0\.0\.0\.0\/0 via 10\.1\.0\.1; it has none/,
  ],
  [
    "its route leads through another gateway",
    (machine) =>
      Object.assign(interfaceOf(machine, c1).netdev, { routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }] }),
    /lacks the route 0\.0\.0\.0\/0 via 10\.1\.0\.1; it has 0\.0\.0\.0\/0 via 10\.1\.0\.9 table 254/,
  ],
  [
    "another netdev has the interface's name",
    (machine) => {
      const pod = machine.paths.get(c1.netns);
      pod?.remove(interfaceOf(machine, c1).netdev);
      const foreign = ipoib("0000:01:10.4", ipoibAddress(1, ZERO_GUID));
      foreign.up = true;
      pod?.add(foreign, c1.ifname);
    },
    /belongs to 0000:01:10\.4, not to VF 0000:01:10\.0/,
  ],
  ["a pkey child has the interface's name", (machine) => nameChild(machine, "beside"), otherNetdev],
  [
    "a pkey child has the interface's name, and the VF's netdev is elsewhere",
    (machine) => nameChild(machine, "elsewhere"),
    otherNetdev,
  ],
  [
    "the VF has another link state",
    (machine) => {
      machine.bus.vf(vf, "set its link state").linkState = "disable";
    },
    /is disable, not enable/,
  ],
  [
    "the VF runs with another GUID",
    (machine) => {
      const target = machine.bus.vf(vf, "set its GUID");
      if (target.probed !== undefined) target.probed = { ...target.probed, nodeGuid: ZERO_GUID };
    },
    /node GUID of VF 0000:01:10\.0 is 00:.*, not 02:.*:77/,
  ],
  ["the lease is gone", ({ leases }) => leases.leases.clear(), /has no address/],
  ["the namespace is gone", (machine) => machine.deleteNamespace(c1.netns), /netns\/a does not exist/],
  [
    "another namespace is at its path",
    (machine) => {
      machine.deleteNamespace(c1.netns);
      machine.addNamespace(c1.netns);
    },
    /is not the network namespace that ADD attached/,
  ],
  ["the record is gone", ({ files }) => void files.texts.delete(pathOf(c1)), /c1 has no attachment net1/],
];

/** Damages of a container that has the VF's RDMA devices. */
const isolationDamages: typeof damages = [
  [
    "one RDMA device is on the host",
    (machine) => {
      const device = machine.bus.vf(vf, "look at it").probed?.devices[1];
      if (device !== undefined) device.where = machine.host;
    },
    /lacks the RDMA device mlx5_1 of VF/,
  ],
  [
    "another container has the RDMA devices",
    (machine) => {
      const pod = machine.paths.get(c2.netns);
      for (const device of machine.bus.vf(vf, "look at it").probed?.devices ?? [])
        device.where = pod ?? device.where;
    },
    /lacks the RDMA device ibp1s0f0v0, mlx5_1 of VF/,
  ],
  [
    "the VF in the container runs with another GUID",
    (machine) => {
      const target = machine.bus.vf(vf, "set its GUID");
      if (target.probed !== undefined) target.probed = { ...target.probed, nodeGuid: ZERO_GUID };
    },
    /node GUID of VF 0000:01:10\.0 is 00:.*, not 02:.*:77/,
  ],
];

/** Damages of a container with uncommon settings. */
const uncommonDamages: typeof damages = [
  [
    "the carrier is gone",
    (machine) => Object.assign(interfaceOf(machine, c1).netdev, { carrier: false }),
    /net1 has no carrier/,
  ],
  [
    "the port is in another partition",
    (machine) => {
      machine.bus.vf(vf, "set its pkey").pkey = 0x6;
    },
    /net1 is in partition 0x8006, not in 0x0005/,
  ],
  [
    "the device information file names another device",
    ({ files }) => void files.texts.set(deviceInfo, '{"pci":{"rdma-device":"mlx5_9"}}'),
    /names rdma-device mlx5_9, but the container has ibp1s0f0v0/,
  ],
];

const allDamages = [
  { all: damages, request: everything, setting: {} },
  { all: uncommonDamages, request: uncommon, setting: partitioned },
  { all: isolationDamages, request: isolated, setting: isolatedSetting },
].flatMap(({ all, request, setting }) =>
  all.map(([what, damage, pattern]) => ({ what, damage, pattern, request, setting })),
);

test("another MTU is only a warning: tuning sets one after ADD, and does not change the result", () => {
  total++;
  const { simulated, checked } = attached(uncommon, partitioned);
  interfaceOf(simulated.machine, c1).netdev.mtu = 1500;
  expect(checked()).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/MTU of net1 is 1500, not 1700/)],
  });
});

test.each(allDamages)("it fails if $what", ({ damage, pattern, request, setting }) => {
  total++;
  const { simulated, checked } = attached(request, setting);
  const { texts } = simulated.machine.files;
  const record = texts.get(pathOf(c1)) ?? "";
  damage(simulated.machine);
  const before = simulated.lines();
  const { end, error, violations } = checked();
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(messageChain(error)).toMatch(pattern);
  expect(violations).toEqual([]);
  simulated.requireUnchanged(before, "after CHECK");
  // The VF is still attached, so the record must be back for the teardown.
  texts.set(pathOf(c1), record);
});

test.each([
  ["common", everything, {}],
  ["uncommon", uncommon, partitioned],
  ["isolated", isolated, isolatedSetting],
] as const)("with every fault it reports the cause, and changes nothing (%s)", (_, request, setting) => {
  const { calls } = attached(request, setting).checked();
  for (const each of faultsOf(calls)) {
    total++;
    const { simulated, checked } = attached(request, setting);
    const before = simulated.lines();
    const { end, error, violations } = checked(each.fault);
    expect(violations, each.name).toEqual([]);
    if (end === "failed" && each.expectedText !== undefined)
      expect(messageChain(error), each.name).toContain(each.expectedText);
    simulated.requireUnchanged(before, each.name);
    simulated.mustDel(c1, request);
    simulated.requireAsBefore("after DEL");
    expect(simulated.problems, each.name).toEqual([]);
  }
});
