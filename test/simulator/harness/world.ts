import { type Guid, zeroGuid } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { FIRST_INODE } from "../model/bus.ts";
import type { Vf } from "../model/functions.ts";
import { addAltnames, rename, setMtu } from "../model/link-requests.ts";
import { Machine } from "../model/machine.ts";
import { virtual } from "../model/netdev.ts";
import { type Pod, pluginPath, type Wish } from "./calls.ts";
import { add } from "./run.ts";

/** The one PF, and its VFs. */
export const pf = "0000:01:00.0";
/** The VF that the scenarios are about. */
export const vf = "0000:01:10.0";
/** The VF of somebody else, who must never notice anything. */
export const otherVf = "0000:01:10.2";
/** A VF that was never given a GUID, nor anything else. */
export const freshVf = "0000:01:10.4";
const vfs = [vf, otherVf, freshVf];
const driver = "mlx5_core";

export const c1: Pod = { containerId: "c1", ifname: "net1", netns: "/run/netns/a" };
export const c2: Pod = { containerId: "c2", ifname: "net1", netns: "/run/netns/b" };
export const c3: Pod = { containerId: "c3", ifname: "eth1", netns: "/run/netns/c" };
/** Has a VF, and must never notice anything. */
export const other: Pod = { containerId: "other", ifname: "net1", netns: "/run/netns/other" };
const otherWish: Wish = {
  vf: otherVf,
  guid: guid("02:00:00:00:00:00:00:99"),
  linkState: "enable",
  subnets: ["10.9.0.0/24"],
};

/** The GUIDs that the VF runs with before; they differ. */
const nodeGuid = guid("0a:00:00:00:00:00:00:01");
const portGuid = guid("0a:00:00:00:00:00:00:02");
/** Its MTU. */
const mtu = 1800;

/** How a node differs from the usual one. */
export interface Setting {
  /** The kernel cannot tell what the PF has on file; then the VF's link state is auto, as it will be again. */
  readonly vfConfigUnreadable?: boolean;
  /** A udev renames what appears, that many ms later. */
  readonly udev?: number;
  /** The kernel renames a netdev that is up, as from Linux 6.2 on. */
  readonly renamesUp?: boolean;
  /** A netdev appears that many ms after the probe. */
  readonly lateNetdev?: number;
  /** ms that host-local takes to begin. */
  readonly slowIpam?: number;
  /** The firmware takes GUIDs, and nothing comes of it. */
  readonly dropsGuids?: boolean;
  /** GUIDs on file at the PF that are not in effect yet. */
  readonly pendingGuid?: Guid;
  /** The VF runs with this as node and port GUID. */
  readonly guid?: Guid;
}

/** A node with something to lose, where another container has a VF already. */
export function makeWorld(setting: Setting = {}): Machine {
  const machine = new Machine();
  machine.programs.set(`${pluginPath}/host-local`, machine.leases.program);
  const { host, bus } = machine;
  host.add(virtual(), "eth0");
  machine.setUp(host, machine.host.named("eth0")?.[1] ?? virtual(), true);
  bus.addPf(pf, driver, vfs);
  prepareVf(machine, vf, "ibp1s0f0v0", "rail0", setting.guid ?? nodeGuid, setting.guid ?? portGuid);
  prepareVf(
    machine,
    otherVf,
    "ibp1s0f0v1",
    "rail1",
    guid("0a:00:00:00:00:00:01:01"),
    guid("0a:00:00:00:00:00:01:02"),
  );
  const subject = bus.vf(vf, "set up");
  if (!setting.vfConfigUnreadable) subject.linkState = "disable";
  if (setting.pendingGuid !== undefined) {
    subject.adminNodeGuid = setting.pendingGuid;
    subject.adminPortGuid = setting.pendingGuid;
  }
  const index = host.ofFunction(vf)[0]?.[0] ?? 0;
  for (const { netns } of [c1, c2, c3, other]) {
    const namespace = machine.addNamespace(netns);
    // Its own interface has the number that the VF's has on the host, and a name that the host has, too.
    const own = namespace.at(namespace.add(virtual(), "eth0", index)) ?? virtual();
    machine.setUp(namespace, own, true);
    own.addresses.push({ cidr: "192.0.2.1/24", tentative: false, dadFailed: false });
    namespace.defaults.set("ipv6/disable_ipv6", "1");
  }
  const { end, error } = add(machine, other, otherWish);
  if (end !== "done") throw error;
  machine.time.settle();
  machine.vfConfigReadable = !setting.vfConfigUnreadable;
  machine.leases.startTime = setting.slowIpam ?? machine.leases.startTime;
  machine.renameNeedsDown = setting.renamesUp !== true;
  bus.registrationTime = setting.lateNetdev ?? 0;
  bus.dropsGuids = setting.dropsGuids ?? false;
  if (setting.udev !== undefined) {
    machine.startUdev(setting.udev, new Map([[vf, { name: "ibp1s0f0v0", altnames: ["rail0"] }]]));
  }
  return machine;
}

/** What a VF of such a node is like before; one that was made anew is like one that was never given anything. */
export function originalsOf(setting: Setting, { pci, incarnation }: Vf) {
  if (pci === freshVf || Number(incarnation) >= FIRST_INODE + vfs.length)
    return { node: zeroGuid(), port: zeroGuid(), mtu: 2044, linkState: "auto" } as const;
  const linkState = setting.vfConfigUnreadable === true ? "auto" : "disable";
  return { node: setting.guid ?? nodeGuid, port: setting.guid ?? portGuid, mtu, linkState } as const;
}

/** Gives a VF GUIDs that are in effect, a name, an alternative one, an MTU, and brings it up. */
function prepareVf(
  machine: Machine,
  pci: string,
  name: string,
  altname: string,
  node: Guid,
  port: Guid,
): void {
  const { bus, host } = machine;
  const target = bus.vf(pci, "set up");
  target.adminNodeGuid = node;
  target.adminPortGuid = port;
  bus.unbind(pci, driver);
  bus.bind(pci, driver);
  const netdev = host.ofFunction(pci)[0]?.[1];
  if (netdev === undefined) throw new Error(`VF ${pci} has no netdev`);
  rename(host, netdev, name);
  addAltnames(host, netdev, [altname]);
  setMtu(host, netdev, mtu);
  machine.setUp(host, netdev, true);
}
