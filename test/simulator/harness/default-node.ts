import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { FIRST_INODE, pfGuid } from "../model/bus.ts";
import { parentOf } from "../model/files.ts";
import { Machine } from "../model/machine.ts";
import { CONNECTED_MTU, virtual } from "../model/netdev.ts";
import type { Vf } from "../model/pci-functions.ts";
import { attachOther, otherVf } from "./other-container.ts";
import { addPod, driver, prepareVf } from "./prepare.ts";
import { type Pod, pluginPath } from "./requests.ts";

/** The PF of the VFs. */
export const pf = "0000:01:00.0";
/** A PF that is bound to vfio-pci. */
export const wholePf = "0000:02:00.0";
/** The VF that the scenarios use. */
export const vf = "0000:01:10.0";
/** A VF that never got a GUID or any other setting. */
export const freshVf = "0000:01:10.4";
const vfs = [vf, otherVf, freshVf];
/** The GUID that is derived for {@link freshVf}. */
export const freshGuid = derivedGuid(pfGuid, vfs.indexOf(freshVf));

export const c1: Pod = { containerId: "c1", ifname: "net1", netns: "/run/netns/a" };
export const c2: Pod = { containerId: "c2", ifname: "net1", netns: "/run/netns/b" };
export const c3: Pod = { containerId: "c3", ifname: "eth1", netns: "/run/netns/c" };

/** The GUIDs that the VF runs with before any attachment; node and port GUID differ. */
export const ownGuids = { node: guid("0a:00:00:00:00:00:00:01"), port: guid("0a:00:00:00:00:00:00:02") };
const { node: nodeGuid, port: portGuid } = ownGuids;
/** GUIDs that an administrator sets for the VF at the PF. */
export const administratorsGuids = {
  node: guid("0c:00:00:00:00:00:00:01"),
  port: guid("0c:00:00:00:00:00:00:02"),
};
/** Returns a line of a snapshot with the VF's own GUIDs in the place of the administrator's. */
export function withOwnGuids(line: string): string {
  const { node, port } = administratorsGuids;
  return line.replaceAll(node, ownGuids.node).replaceAll(port, ownGuids.port);
}

/** The names of the VF's netdev. */
const naming = { name: "ibp1s0f0v0", altname: "rail0" };

/** The device information file that Multus has made for an attachment of the VF, with the device plugin's data. */
export const deviceInfo = "/run/k8s.cni.cncf.io/devinfo/cni/a-mynet-c1_net1";
const information = {
  type: "pci",
  version: "1.1.0",
  pci: { "pci-address": vf, "rdma-device": "mlx5_8", "vhost-net": "/dev/vhost-net" },
  "x-vendor": { kept: [1, null] },
};

/** How a node differs from the default one. */
export interface Setting {
  /** The kernel cannot report the PF's settings for a VF. The VF's link state is auto then, before and after. */
  readonly vfConfigUnreadable?: boolean;
  /** udev renames new netdevs and RDMA devices, this many ms after they appear. */
  readonly udev?: number;
  /** The plugin runs in a container that does not have the host's /run. */
  readonly withoutRun?: boolean;
  /** The kernel renames a netdev that is up, as since Linux 6.2. */
  readonly renamesUp?: boolean;
  /** A netdev appears this many ms after its RDMA device. */
  readonly lateNetdev?: number;
  /** RDMA devices, and with them netdevs, appear this many ms after the probe. */
  readonly lateRdma?: number;
  /** The subnet manager puts the VF's port into a partition after `delay` ms. */
  readonly partition?: { readonly pkey: number; readonly delay: number };
  /** The VF has no netdev. */
  readonly rdmaOnly?: boolean;
  /** The module ib_ipoib is not loaded: no PF and no VF has a netdev. */
  readonly withoutIpoib?: boolean;
  /** The VF is bound to vfio-pci. */
  readonly vfio?: boolean;
  /** Time that host-local takes before it looks for an address, ms. */
  readonly slowIpam?: number;
  /** The firmware accepts GUIDs, but they never take effect. */
  readonly dropsGuids?: boolean;
  /** The GUID, for node and port, that is set at the PF and not in effect yet. */
  readonly guidNotInEffect?: Guid;
  /** Each RDMA device belongs to one namespace, and its netdev is created in the host's or in the same namespace. */
  readonly rdma?: "exclusive" | "netdev follows";
  /** The number of RDMA devices of each function. */
  readonly rdmaDevices?: number;
  /** The VF's netdev is in connected mode, with the MTU of connected mode. */
  readonly connected?: boolean;
  /** The VF runs with this GUID as node and port GUID. */
  readonly guid?: Guid;
}

/** Makes a node whose VFs have settings that could be lost. Another container already has a VF. */
export function makeDefaultNode(setting: Setting = {}): Machine {
  const machine = new Machine();
  const { bus, files, host, leases } = machine;
  machine.programs.set(`${pluginPath}/host-local`, leases.program);
  const uplink = virtual();
  host.add(uplink, "eth0");
  machine.setUp(host, uplink, true);
  bus.rdma.exclusive = setting.rdma !== undefined;
  bus.rdma.ipoibFollows = setting.rdma === "netdev follows";
  bus.rdmaDevices = setting.rdmaDevices ?? 1;
  bus.addPf(pf, driver, vfs);
  bus.addVfioPf(wholePf);
  prepareVf(machine, vf, {
    ...naming,
    nodeGuid: setting.guid ?? nodeGuid,
    portGuid: setting.guid ?? portGuid,
  });
  const number = host.ofFunction(vf)[0]?.[0] ?? 0;
  files.makeDirectory(parentOf(deviceInfo));
  files.write(deviceInfo, JSON.stringify(information));
  for (const { netns } of [c1, c2, c3]) addPod(machine, netns, number);
  attachOther(machine, number);
  // Each VF has had an attachment before.
  for (const pci of vfs) files.write(`${STATE_DIRECTORY}/.vf/${pci}.guid`, pci);
  machine.time.settle();
  apply(setting, machine);
  return machine;
}

/** Applies the differences from the default node. */
function apply(setting: Setting, machine: Machine): void {
  const { bus, leases } = machine;
  const target = bus.vf(vf, "set up");
  if (setting.vfConfigUnreadable !== true) target.linkState = "disable";
  if (setting.guidNotInEffect !== undefined) {
    target.adminNodeGuid = setting.guidNotInEffect;
    target.adminPortGuid = setting.guidNotInEffect;
  }
  const netdev = machine.host.ofFunction(vf)[0]?.[1];
  if (setting.connected === true && netdev !== undefined) {
    netdev.link = { ...netdev.link, mode: 1 };
    netdev.mtu = CONNECTED_MTU;
  }
  if (setting.rdmaOnly === true) bus.loseNetdev(vf);
  if (setting.withoutIpoib === true) for (const pci of [pf, vf, freshVf]) bus.loseNetdev(pci);
  if (setting.vfio === true) bus.bindVfio(vf);
  machine.vfConfigReadable = setting.vfConfigUnreadable !== true;
  machine.renameNeedsDown = setting.renamesUp !== true;
  bus.registrationTime = setting.lateNetdev ?? 0;
  bus.rdmaTime = setting.lateRdma ?? 0;
  const { partition } = setting;
  if (partition !== undefined)
    machine.time.after(partition.delay, () => {
      target.pkey = partition.pkey;
    });
  bus.dropsGuids = setting.dropsGuids === true;
  leases.startTime = setting.slowIpam ?? leases.startTime;
  if (setting.udev === undefined) return;
  machine.startUdev(
    setting.udev,
    new Map([[vf, { name: naming.name, altnames: [naming.altname], rdma: naming.name }]]),
    setting.withoutRun === true ? "/proc/1/root" : "",
  );
}

/** Reports whether the node had the VF at the beginning. */
export function isFirst(vf: Vf | undefined): boolean {
  return vf !== undefined && Number(vf.generation) < FIRST_INODE + vfs.length;
}
