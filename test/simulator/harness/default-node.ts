import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { FIRST_INODE, pfGuid } from "../model/bus.ts";
import { parentOf } from "../model/files.ts";
import type { Vf } from "../model/functions.ts";
import { Machine } from "../model/machine.ts";
import { CONNECTED_MTU, virtual } from "../model/netdev.ts";
import { attachOther, otherVf } from "./other.ts";
import { addPod, driver, prepareVf } from "./prepare.ts";
import { type Pod, pluginPath } from "./requests.ts";

/** The PF of the VFs. */
export const pf = "0000:01:00.0";
/** A PF that is bound to vfio-pci. */
export const wholePf = "0000:02:00.0";
/** The VF that the scenarios are about. */
export const vf = "0000:01:10.0";
/** A VF that was never given a GUID, nor anything else. */
export const freshVf = "0000:01:10.4";
const vfs = [vf, otherVf, freshVf];
/** The GUID that is derived for it. */
export const freshGuid = derivedGuid(pfGuid, vfs.indexOf(freshVf));

export const c1: Pod = { containerId: "c1", ifname: "net1", netns: "/run/netns/a" };
export const c2: Pod = { containerId: "c2", ifname: "net1", netns: "/run/netns/b" };
export const c3: Pod = { containerId: "c3", ifname: "eth1", netns: "/run/netns/c" };

/** The GUIDs that the VF runs with before; they differ. */
export const ownGuids = { node: guid("0a:00:00:00:00:00:00:01"), port: guid("0a:00:00:00:00:00:00:02") };
const { node: nodeGuid, port: portGuid } = ownGuids;
/** GUIDs that an administrator sets for it at the PF. */
export const administratorsGuids = {
  node: guid("0c:00:00:00:00:00:00:01"),
  port: guid("0c:00:00:00:00:00:00:02"),
};
/** A line of a snapshot, as if the administrator had set none. */
export function withOwnGuids(line: string): string {
  const { node, port } = administratorsGuids;
  return line.replaceAll(node, ownGuids.node).replaceAll(port, ownGuids.port);
}

/** Its names. */
const naming = { name: "ibp1s0f0v0", altname: "rail0" };

/** The device information file that Multus has made for an attachment of the VF, as the device plugin saw it. */
export const deviceInfo = "/run/k8s.cni.cncf.io/devinfo/cni/a-mynet-c1_net1";
const information = {
  type: "pci",
  version: "1.1.0",
  pci: { "pci-address": vf, "rdma-device": "mlx5_8", "vhost-net": "/dev/vhost-net" },
  "x-vendor": { kept: [1, null] },
};

/** How a node differs from the usual one. */
export interface Setting {
  /** The kernel cannot tell what the PF has on file; then the VF's link state is auto, as it will be again. */
  readonly vfConfigUnreadable?: boolean;
  /** A udev renames what appears, that many ms later. */
  readonly udev?: number;
  /** The plugin is called from a container that has not the host's /run. */
  readonly withoutRun?: boolean;
  /** The kernel renames a netdev that is up, as from Linux 6.2 on. */
  readonly renamesUp?: boolean;
  /** A netdev appears that many ms after its RDMA device. */
  readonly lateNetdev?: number;
  /** RDMA devices, and with them netdevs, appear that many ms after the probe. */
  readonly lateRdma?: number;
  /** The subnet manager puts the VF's port into a partition, so long from now, ms. */
  readonly partition?: { readonly pkey: number; readonly delay: number };
  /** The VF has no netdev. */
  readonly rdmaOnly?: boolean;
  /** The VF is bound to vfio-pci. */
  readonly vfio?: boolean;
  /** ms that host-local takes to begin. */
  readonly slowIpam?: number;
  /** The firmware takes GUIDs, and nothing comes of it. */
  readonly dropsGuids?: boolean;
  /** GUIDs on file at the PF that are not in effect yet. */
  readonly pendingGuid?: Guid;
  /** RDMA devices belong to one namespace each, and their netdevs are made in the host's, or in the same one. */
  readonly rdma?: "exclusive" | "netdev follows";
  /** How many RDMA devices each function has. */
  readonly rdmaDevices?: number;
  /** The VF's netdev is in connected mode, with the MTU of that. */
  readonly connected?: boolean;
  /** The VF runs with this as node and port GUID. */
  readonly guid?: Guid;
}

/** A node with something to lose, where another container has a VF already. */
export function makeWorld(setting: Setting = {}): Machine {
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
  machine.time.settle();
  apply(setting, machine);
  return machine;
}

/** Makes a node differ from the usual one. */
function apply(setting: Setting, machine: Machine): void {
  const { bus, leases } = machine;
  const target = bus.vf(vf, "set up");
  if (setting.vfConfigUnreadable !== true) target.linkState = "disable";
  if (setting.pendingGuid !== undefined) {
    target.adminNodeGuid = setting.pendingGuid;
    target.adminPortGuid = setting.pendingGuid;
  }
  const netdev = machine.host.ofFunction(vf)[0]?.[1];
  if (setting.connected === true && netdev !== undefined) {
    netdev.link = { ...netdev.link, mode: 1 };
    netdev.mtu = CONNECTED_MTU;
  }
  if (setting.rdmaOnly === true) bus.loseNetdev(vf);
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

/** Is it one of those that were there at first? */
export function isFirst(vf: Vf | undefined): boolean {
  return vf !== undefined && Number(vf.incarnation) < FIRST_INODE + vfs.length;
}
