import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { fromJson, isObject } from "../../../src/cni/document.ts";
import { type Guid, isUsableGuid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { formatHardwareAddress, portGuidOf } from "../../../src/infiniband/hardware-address.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { Machine } from "../model/machine.ts";
import type { Netdev } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";
import type { Vf } from "../model/pci-functions.ts";
import type { RdmaDevice } from "../model/rdma.ts";
import { freshGuid, freshVf, vf as standardVf, withOwnGuids } from "./default-node.ts";

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
    `vf ${vf.pci} #${vf.generation} ${runs} override ${vf.driverOverride ?? "none"} ` +
    `administrative ${text(vf.adminNodeGuid)} ${text(vf.adminPortGuid)} link ${vf.linkState}`
  );
}

function rdmaDevice({ name, uverbs, umad, where, adaptiveModeration }: RdmaDevice): string {
  return `rdma ${name} uverbs${uverbs} umad${umad} ${adaptiveModeration ? "moderated " : ""}in ${where.label}`;
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

function settingsText({ link, tuning, tcx }: Netdev): string {
  return Object.entries({ ...link, tuning: [...tuning].sort().join(" "), tcx: tcx.join() })
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
  const ignored = [".node", ".calls", ".calls.new"].map((name) => `${STATE_DIRECTORY}/${name}`);
  if (ignored.includes(path) || path.endsWith("/cni.lock")) return [];
  if (!path.startsWith(`${STATE_DIRECTORY}/.vf/`)) return [`file ${path} ${content}`];
  const owner = ownerIn(content);
  // An owner without a record has nothing: the lock file could not be rewritten, and its owner counts for nothing.
  if (owner === undefined || !machine.files.texts.has(`${STATE_DIRECTORY}/${owner}`)) return [];
  return [`owner of ${path.slice(path.lastIndexOf("/") + 1)}: ${owner}`];
}

/** Returns the name of the owner's record from the text of a VF's lock file. */
function ownerIn(text: string): string | undefined {
  const note = fromJson(text);
  const owner = isObject(note) ? note.owner : undefined;
  return isObject(owner) ? `${owner.containerId}-${owner.ifname}` : undefined;
}

/** The settings of a VF while it is not attached. */
export interface Originals {
  readonly node: Guid;
  readonly port: Guid;
  /** 0 if the VF has no netdev. */
  readonly mtu: number;
  readonly linkState: LinkState;
  /** Name of its RDMA device; `undefined` for any name. */
  readonly rdma: string | undefined;
}

/** The originals of a node's VFs, by generation (inode of the sysfs directory). */
export type OriginalsByVf = ReadonlyMap<string, Originals>;

/** The originals of a VF that was created again: it has the kernel's defaults. */
const fresh: Originals = { node: ZERO_GUID, port: ZERO_GUID, mtu: 2044, linkState: "auto", rdma: undefined };

/** Reads the originals of all VFs of a node on which nothing is attached. */
export function originalsIn({ bus, host }: Machine): OriginalsByVf {
  return new Map(
    [...bus.vfs.values()].map((vf) => [vf.generation, read(vf, host.ofFunction(vf.pci)[0]?.[1].mtu ?? 0)]),
  );
}

/** Returns the originals of a VF. */
export function originalsOf(originals: OriginalsByVf, { generation }: Vf): Originals {
  return originals.get(generation) ?? fresh;
}

function read({ probed, adminNodeGuid, adminPortGuid, linkState }: Vf, mtu: number): Originals {
  // A VF that is bound to vfio-pci has the GUIDs that are set at its PF.
  const [node, port] =
    probed === undefined || probed.devices.length === 0
      ? [adminNodeGuid, adminPortGuid]
      : [probed.nodeGuid, probed.portGuid];
  return { node, port, mtu, linkState, rdma: probed?.devices[0]?.name };
}

/**
 * A difference from the node's state before that breaks no promise of the plugin.
 *
 * - "attributes": the name, the alternative names and the admin state of the VF's netdev on the host, and the name of
 *   its RDMA device, of which a warning reported that they could not be restored.
 * - "an administrator's GUIDs": GUIDs that were set at the PF after ADD.
 * - "derived GUID": the GUID that the fresh VF got permanently, and of which a kill can leave only the node or the port
 *   GUID.
 * - "file numbers": the numbers of the VF's files below /dev/infiniband, which nothing can restore.
 * - The others: the PF's settings for the VF, if the kernel could not report them.
 */
export type AllowedDifference =
  | "attributes"
  | "link state"
  | "administrative GUIDs"
  | "derived GUID"
  | "file numbers"
  | "an administrator's GUIDs";

/** Returns the lines of a snapshot without what an allowed difference concerns. */
export function withoutDifference(lines: readonly string[], what: AllowedDifference): readonly string[] {
  switch (what) {
    case "link state":
      return lines.map((line) => line.replace(/^(vf .*) link \w+$/, "$1"));
    case "administrative GUIDs":
      return lines.map((line) => line.replace(/^(vf .*) administrative \S+ \S+/, "$1"));
    case "an administrator's GUIDs":
      return lines.map(withOwnGuids);
    case "file numbers":
      return lines.map((line) => line.replace(/^(vf .*) uverbs\d+ umad\d+ /, "$1 "));
    case "derived GUID":
      return lines.map((line) => line.replaceAll(freshGuid, "none"));
    case "attributes":
      return [standardVf, freshVf]
        .reduce(withoutAttributes, lines)
        .map((line) => line.replace(/ rdma \S+ /g, " rdma "));
  }
}

function withoutAttributes(lines: readonly string[], pci: string): readonly string[] {
  const name = lines.find((line) => line.startsWith("in -: ") && line.endsWith(` of ${pci}`))?.split(" ")[2];
  return lines
    .filter((line) => !line.startsWith(`in -: ${name} altname `))
    .map((line) =>
      line.startsWith(`in -: ${name} `) ? line.replace(` ${name} `, ` netdev of ${pci} `) : line,
    )
    .map((line) => (line.endsWith(` of ${pci}`) ? line.replace(/ (up|down) of /, " of ") : line));
}
