import { fromJson, isObject } from "../../../src/cni/document.ts";
import { type Guid, isUsableGuid } from "../../../src/infiniband/guid.ts";
import { formatHardwareAddress, portGuidOf } from "../../../src/infiniband/hardware-address.ts";
import type { Vf } from "../model/functions.ts";
import type { Machine } from "../model/machine.ts";
import type { Netdev } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";
import type { RdmaDevice } from "../model/rdma.ts";
import { stateDirectory } from "./state.ts";

/**
 * Returns the state of the node, as one sorted line for each thing that must be as before when nothing is attached any
 * more. Lines about a namespace begin with "in NAME: ".
 *
 * The snapshot leaves out what cannot or need not be as before: the indexes of the host's netdevs, the numbers of queue
 * pairs, carrier, empty directories, and the text of lock files except the owner. The GUIDs zero and all-ones both are
 * "none".
 */
export function snapshot(machine: Machine): string[] {
  return [
    ...[...machine.namespaces].flatMap(netdevs),
    ...[...machine.bus.vfs.values()].map(vfLine),
    ...[...machine.leases.leases].map(([address, holder]) => `lease ${address} of ${holder}`),
    ...[...machine.files.texts].flatMap(([path, content]) => file(machine, path, content)),
    ...[...machine.files.locks.keys()].map((path) => `locked ${path}`),
    ...machine.children.filter((child) => child.outcome === undefined).map(() => "process running"),
  ].sort();
}

/** Returns the lines without those about a namespace. */
export function withoutNamespace(lines: readonly string[], label: string): string[] {
  return lines.filter((line) => !line.startsWith(`in ${label}: `));
}

/** Returns the difference for the message of a failed test: lines that are missing, and lines that are new. */
export function difference(before: readonly string[], after: readonly string[]): string[] {
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
  ];
}

function vfLine(vf: Vf): string {
  const { probed } = vf;
  const runs =
    probed === undefined
      ? "without driver"
      : `${probed.driver} ${probed.devices.map(rdmaDevice).join(" ")} runs ${text(probed.nodeGuid)} ${text(probed.portGuid)}`;
  return (
    `vf ${vf.pci} #${vf.incarnation} ${runs} override ${vf.driverOverride ?? "none"} ` +
    `on file ${text(vf.adminNodeGuid)} ${text(vf.adminPortGuid)} link ${vf.linkState}`
  );
}

function rdmaDevice({ name, uverbs, umad, where }: RdmaDevice): string {
  return `rdma ${name} uverbs${uverbs} umad${umad} in ${where.label}`;
}

function netdevs(namespace: Netns): string[] {
  return namespace.netdevs.flatMap(([index, netdev]) => {
    const name = `in ${namespace.label}: ${netdev.name}`;
    const { pci, parent } = netdev.kind;
    const what = parent === undefined ? pci : `a pkey child of ${parent.kind.pci}`;
    return [
      `${name} ${identity(namespace, index, netdev)} mtu ${netdev.mtu} ${netdev.up ? "up" : "down"} of ${what}`,
      `${name} settings ${settingsText(netdev)}`,
      ...netdev.altnames.map((altname) => `${name} altname ${altname}`),
      ...netdev.addresses.map(({ cidr }) => `${name} address ${cidr}`),
      ...netdev.routes.map((route) => `${name} route ${JSON.stringify(route)}`),
      `${name} ${[...netdev.settings].map(([key, value]) => `${key}=${value}`).join(" ")}`,
    ];
  });
}

function settingsText({ link, napi, tcx }: Netdev): string {
  return Object.entries({ ...link, ...napi, tcx: tcx.join() })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** Returns the identity of a netdev. A container knows it by its index and whole address, which must not change. */
function identity(namespace: Netns, index: number, { kind }: Netdev): string {
  if (namespace.label !== "-") return `${index} ${formatHardwareAddress(kind.address)}`;
  const guid = portGuidOf(kind.address);
  return guid === undefined ? formatHardwareAddress(kind.address) : text(guid);
}

function text(guid: Guid): string {
  return isUsableGuid(guid) ? guid : "none";
}

function file(machine: Machine, path: string, content: string): string[] {
  const ignored = [".node", ".calls", ".calls.new"].map((name) => `${stateDirectory}/${name}`);
  if (ignored.includes(path) || path.endsWith("/cni.lock")) return [];
  if (!path.startsWith(`${stateDirectory}/.vf/`)) return [`file ${path} ${content}`];
  const owner = ownerIn(content);
  // An owner without a record has nothing: the lock file could not be rewritten, and its owner counts for nothing.
  if (owner === undefined || !machine.files.texts.has(`${stateDirectory}/${owner}`)) return [];
  return [`owner of ${path.slice(path.lastIndexOf("/") + 1)}: ${owner}`];
}

/** Returns the name of the owner's record from the text of a VF's lock file. */
function ownerIn(text: string): string | undefined {
  const note = fromJson(text);
  const owner = isObject(note) ? note.owner : undefined;
  return isObject(owner) ? `${owner.containerId}-${owner.ifname}` : undefined;
}
