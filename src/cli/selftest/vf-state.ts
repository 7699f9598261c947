import { effectiveGuids } from "../../attachment/vf/effective-guids.ts";
import { netdevOf } from "../../attachment/vf/netdev.ts";
import { PhysicalFunction } from "../../attachment/vf/pci-function.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { isLinkLocal } from "../../ip/text.ts";
import { readDirectory, readFile } from "../../linux/files/read.ts";
import type { Link } from "../../node/links.ts";
import { partsOf } from "../../node/netdev-tuning.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";

/** The settings of a VF, as texts by name. Numbers that the kernel chooses again after a rebind are left out. */
export type VfState = ReadonlyMap<string, string>;

/** Directories of a netdev's settings, below which each netdev has its own. */
const SETTINGS = ["ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"];
/** The errnos of a setting that does not exist, cannot be read (stable_secret), or whose netdev has just vanished. */
const UNREADABLE = ["ENOENT", "ENOTDIR", "EIO", "EACCES", "EINVAL"];

/** Reads all settings of a VF that an attachment changes, or that a container could change. */
export function readVfState(node: Node, { pci, pf, index }: VirtualFunction): VfState {
  const { functions, namespaces } = node;
  const netdev = netdevOf(node, namespaces.host, pci);
  const { linkState, nodeGuid, portGuid } = new PhysicalFunction(node, pf, index).vf;
  const effective = effectiveGuids(node, pci, undefined, netdev);
  return new Map([
    ["driver", functions.driver(pci) ?? "none"],
    ["driver override", functions.driverOverride(pci) ?? "none"],
    ["link policy", linkState ?? "unknown"],
    ["administrative node GUID", guidText(nodeGuid)],
    ["administrative port GUID", guidText(portGuid)],
    ["node GUID", guidText(effective.node)],
    ["port GUID", guidText(effective.port)],
    ["RDMA devices", functions.rdmaDevices(pci).sort().join(",")],
    ["files below /dev/infiniband", functions.rdmaFiles(pci).sort().join(",")],
    ...(netdev === undefined ? [["netdev", "none"] as const] : netdevState(node, pci, netdev)),
  ]);
}

/** Describes each setting that differs; an empty list if none does. */
export function differences(before: VfState, now: VfState): string[] {
  const names = new Set([...before.keys(), ...now.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== now.get(name))
    .map((name) => `${name} was ${before.get(name) ?? "missing"}, and is ${now.get(name) ?? "missing"}`);
}

function netdevState(node: Node, pci: string, netdev: Link): (readonly [string, string])[] {
  const { name, altnames, mtu, up, master, settings, index } = netdev;
  const { links, namespaces } = node;
  const addresses = links
    .addresses(namespaces.host, index)
    .map(({ cidr }) => cidr)
    .filter((cidr) => !isLinkLocal(cidr));
  return [
    ["netdev", name],
    ["alternative names", [...altnames].sort().join(",")],
    ["MTU", String(mtu)],
    ["admin state", up ? "up" : "down"],
    ["master", String(master ?? "none")],
    ["addresses", addresses.sort().join(",")],
    ["tcx programs", (links.tcxPrograms(index) ?? []).join(",")],
    ...texts(settings),
    ...(links.tuning(pci, netdev) ?? []).map(partsOf),
    ...sysctls(name),
  ];
}

function texts(settings: object): (readonly [string, string])[] {
  return Object.entries(settings).map(([name, value]) => [name, String(value ?? "unknown")]);
}

function sysctls(netdev: string): (readonly [string, string])[] {
  return SETTINGS.flatMap((group) => {
    const directory = `/proc/sys/net/${group}/${netdev}`;
    return (readDirectory(directory, UNREADABLE) ?? []).map((name): readonly [string, string] => [
      `${group}/${name}`,
      readFile(`${directory}/${name}`, undefined, UNREADABLE)?.trim() ?? "unreadable",
    ]);
  });
}

/** Zero and all-ones both mean "no GUID". */
function guidText(guid: Guid | undefined): string {
  if (guid === undefined) return "unknown";
  return isUsableGuid(guid) ? guid : "none";
}
