import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { parseHardwareAddress, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import { type Namespace, tellsParents } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { AddContext, Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isOwnNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { hostNetdevOf, isUntouched, netdevOf, requireNetdev } from "../vf/netdev.ts";
import { endTraffic } from "../vf/pkey-children.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";
import { lowerMtu } from "./host-netdev.ts";
import { ownResult } from "./own-result.ts";

/** Moves the VF's netdev to the container and names it CNI_IFNAME. */
export const netInterface: Step = {
  name: "interface",

  apply(attachment) {
    const { node, record } = attachment;
    const containerNetns = requireContainerNetns(attachment);
    try {
      if (attachment.netdevIn === containerNetns)
        bringUp(attachment, containerNetns, requireNetdev(attachment));
      else moveToContainer(attachment, containerNetns);
    } catch (error) {
      if (!bringUpWithAllowedMtu(attachment, containerNetns)) throw error;
    }
    attachment.netdev = interfaceIn(node, containerNetns, record.ifname);
    // udev can add an alternative name after the netdev was read and before it is moved.
    stripAltnames(node, containerNetns, requireNetdev(attachment));
  },

  undo(attachment) {
    const { node, record, containerNetns } = attachment;
    // A step of this undo has rebound the VF, so all of its devices are on the host.
    if (attachment.hostNetdev !== undefined) return;
    const { pci } = record.vf;
    // The netdev is looked up by PCI address: a move that failed halfway leaves it there under another name.
    const there = containerNetns === undefined ? [] : node.links.ofFunction(containerNetns, pci);
    const link = there[0];
    // Three cases need a rebind instead of a move:
    // - Some kernels list pkey children as netdevs of the VF; a rebind ends them.
    // - A kill of the process that binds the driver interrupts the probe; the VF then has no netdev.
    // - In the plugin's own namespace nothing is moved, so addresses, routes and settings would stay.
    const isOwn = containerNetns !== undefined && isOwnNetns(node, containerNetns);
    if (isOwn || there.some((each) => each.child) || (link === undefined && !node.functions.hasNetdev(pci))) {
      rebind(attachment);
      restoreRdmaNames(attachment);
      attachment.hostNetdev = hostNetdevOf(attachment);
      return;
    }
    if (containerNetns !== undefined && link !== undefined) {
      attempt(`move ${link.name} of VF ${pci} from ${record.netns} back to the host`, () =>
        returnToHost(node, containerNetns, link, pci, record.originals.name),
      );
    }
    attachment.hostNetdev = endTraffic(attachment, withoutAddedAltnames(attachment));
  },

  verify(attachment, result) {
    const { node, record, warn } = attachment;
    const { ifname } = record;
    const containerNetns = requireContainerNetns(attachment);
    const link = interfaceIn(node, containerNetns, ifname);
    requireOwn(record, link, containerNetns);
    const own = ownResult(record, result).interface;
    requireGuid(link, own.mac);
    if (!link.up) throw new CniError(codes.node, `${ifname} is down; ADD left it up`);
    // The broadcast group may allow less than the desired MTU, and without a carrier its limit is not known yet.
    if (record.desired.mtu === undefined || !link.carrier) return;
    const reported = own.mtu ?? record.desired.mtu;
    // Not an error: tuning sets another MTU without changing the result, and checks it itself. A plugin does not see
    // which plugins follow in its chain. CNI's bridge, macvlan and ptp do not check their MTU either.
    if (link.mtu !== reported)
      warn(
        `the MTU of ${ifname} is ${link.mtu}, not ${reported}: a later plugin or a program in the container set it`,
      );
  },
};

/**
 * Requires that an interface is the VF's netdev. A container can give the name to another one, for example to a pkey
 * child: it has the same GUID, is in another partition, and belongs to no PCI function.
 * @throws {CniError} if it is another one.
 */
function requireOwn({ ifname, vf }: AttachmentRecord, link: Link, containerNetns: Namespace): void {
  const { pci, child } = link;
  if (!child && (pci === vf.pci || (pci === undefined && !tellsParents(containerNetns)))) return;
  throw new CniError(
    codes.node,
    pci === undefined || pci === vf.pci
      ? `${ifname} is a pkey child or another netdev without a device, and not the netdev of VF ${vf.pci}`
      : `${ifname} belongs to ${pci}, not to VF ${vf.pci}`,
  );
}

/** Moves the netdev to the container; if that fails, reads its alternative names again and repeats the move. */
function moveToContainer(attachment: AddContext, containerNetns: Namespace): void {
  try {
    moveIn(attachment, containerNetns, requireNetdev(attachment));
  } catch (error) {
    // udev may have added alternative names since the netdev was read, and such a name may be taken in the container.
    const now = withAltnames(attachment.node, requireNetdev(attachment).index);
    if (now === undefined) throw error;
    moveIn(attachment, containerNetns, now);
  }
}

/** Returns a netdev of the host; `undefined` if it cannot be read or has no alternative names. */
function withAltnames(node: Node, index: number): Link | undefined {
  const link = undefinedIfUnreadable(() => node.links.byIndex(node.namespaces.host, index));
  return link !== undefined && link.altnames.length > 0 ? link : undefined;
}

/** Reads a netdev after a failure. An error of the read is ignored, because the first failure is the one to report. */
function undefinedIfUnreadable(look: () => Link | undefined): Link | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Moves a netdev from the host to the container, without its alternative names, which may be taken there. */
function moveIn(attachment: StepContext, containerNetns: Namespace, link: Link): void {
  const { node, record } = attachment;
  const { host } = node.namespaces;
  const { pci } = record.vf;
  stripAltnames(node, host, link);
  restoreMode(attachment, host, link);
  const mtu = mtuOf(record, link);
  attempt(`move ${link.name} of VF ${pci} to ${record.netns} as ${record.ifname}, up with MTU ${mtu}`, () =>
    node.links.move(host, link.index, containerNetns, record.ifname, upWith(mtu, link)),
  );
}

/** Names and brings up a netdev that is in the container already: the move of its RDMA device has put it there. */
function bringUp(attachment: StepContext, containerNetns: Namespace, link: Link): void {
  const { node, record } = attachment;
  restoreMode(attachment, containerNetns, link);
  const mtu = mtuOf(record, link);
  attempt(`rename ${link.name} of VF ${record.vf.pci} to ${record.ifname}, up with MTU ${mtu}`, () =>
    node.links.set(containerNetns, link.index, { name: record.ifname, ...upWith(mtu, link) }),
  );
}

/**
 * Restores the IPoIB mode after a rebind or move reset it: in datagram mode the kernel refuses the MTU of connected
 * mode.
 */
function restoreMode({ node, record }: StepContext, where: Namespace, { index, settings }: Link): void {
  const mode = record.originals.settings?.mode;
  if (mode === undefined || settings.mode === undefined || settings.mode === mode) return;
  node.links.setSettings(where, index, settings, { ...settings, mode });
}

/**
 * Returns the desired MTU; if the network sets none, the original MTU of the VF, which a rebind or a move resets; if
 * that is not recorded, the present MTU of the netdev.
 */
function mtuOf({ desired, originals }: AttachmentRecord, link: Link): number {
  return desired.mtu ?? originals.mtu ?? link.mtu;
}

/**
 * Names the interface and brings it up with the largest MTU that its port allows, if the kernel has refused the MTU. In
 * that case the kernel has already moved the netdev, and has not renamed it.
 * @returns false if something else has failed.
 * @throws {CniError} code 7 if the desired MTU is larger than the port allows.
 */
function bringUpWithAllowedMtu({ node, record, warn }: StepContext, containerNetns: Namespace): boolean {
  const { ifname, vf, desired } = record;
  const link = undefinedIfUnreadable(() => netdevOf(node, containerNetns, vf.pci));
  if (link === undefined || link.up) return false;
  const mtu = mtuOf(record, link);
  if (link.mtu === mtu) return false;
  const allowed = node.links.setMtu(containerNetns, link.index, mtu);
  if (desired.mtu !== undefined && allowed !== mtu) {
    const mode = link.settings.mode === 1 ? "connected" : "datagram";
    throw new CniError(
      codes.badConfiguration,
      `mtu: the port of VF ${vf.pci} allows at most ${allowed} in ${mode} mode, and the network has ${mtu}; lower it, ` +
        "or raise the MTU of the port",
    );
  }
  if (allowed !== mtu) warn(lowerMtu(ifname, vf.pci, mtu, allowed));
  attempt(`rename ${link.name} of VF ${vf.pci} to ${ifname} and bring it up`, () =>
    node.links.set(containerNetns, link.index, { name: ifname, up: true }),
  );
  return true;
}

/**
 * Returns the changes that set an MTU and bring a netdev up. It comes up early because it joins the subnet in the
 * background.
 */
function upWith(mtu: number, link: Link) {
  return { ...(link.mtu === mtu ? {} : { mtu }), up: true };
}

/**
 * Requires that an interface has the port GUID of a hardware address. Only the port GUID identifies the port: the flags
 * of the address change with the mode (datagram, connected).
 * @param mac the hardware address that ADD reported; `undefined` if the version of its result cannot contain one.
 * @throws {CniError} if the interface has another port GUID.
 */
function requireGuid({ name, address }: Link, mac: string | undefined): void {
  const reported = mac === undefined ? undefined : parseHardwareAddress(mac);
  if (reported === undefined) return;
  const [expected, found] = [portGuidOf(reported), portGuidOf(address)];
  if (found === expected) return;
  throw new CniError(codes.node, `${name} has the port GUID ${found}, not ${expected}, which ADD reported`);
}

/**
 * Moves a netdev from a container to the host, even if the container has given it a name, or an alternative name, that
 * is taken on the host.
 */
export function returnToHost(
  node: Node,
  containerNetns: Namespace,
  link: Link,
  pci: string,
  name: string,
): void {
  const { host } = node.namespaces;
  stripAltnames(node, containerNetns, link);
  try {
    node.links.move(containerNetns, link.index, host, name);
  } catch {
    // If its original name is taken on the host, the kernel may have moved it under the name that it had in the
    // container, unless that name is taken, too. With "%d" the kernel chooses a free number.
    if (netdevOf(node, host, pci) !== undefined) return;
    node.links.move(containerNetns, link.index, host, "ib%d");
  }
}

/**
 * Removes the alternative names that a container has added to a netdev that the kernel, or an interrupted DEL, has
 * returned to the host: no other netdev of the host could have such a name, and the next record would restore it.
 *
 * A name that udev has added since then stays, because the record has it: udev adds the names that its rules give the
 * device, as it did before ADD, and the original name if the netdev came back under another.
 * @returns the netdev, which is on the host.
 */
function withoutAddedAltnames(attachment: StepContext): Link {
  const { node, record, warn } = attachment;
  const { name, altnames, settings } = record.originals;
  const netdev = hostNetdevOf(attachment);
  const added = netdev.altnames.filter((each) => each !== name && !altnames.includes(each));
  // The Go plugin does not record the names that udev added.
  if (added.length === 0 || settings === undefined || isUntouched(record, netdev)) return netdev;
  for (const error of attemptAll([
    () => node.links.removeAltnames(node.namespaces.host, netdev.index, added),
  ]))
    warn(`cannot remove the container's alternative names from ${netdev.name}: ${messageOf(error)}`);
  return node.links.byIndex(node.namespaces.host, netdev.index) ?? hostNetdevOf(attachment);
}

function stripAltnames(node: Node, where: Namespace, link: Link): void {
  if (link.altnames.length === 0) return;
  node.links.removeAltnames(where, link.index, link.altnames);
}

/**
 * Returns the container's namespace.
 * @throws {CniError} if it is gone.
 */
export function requireContainerNetns({ containerNetns, record }: StepContext): Namespace {
  if (containerNetns !== undefined) return containerNetns;
  throw new CniError(codes.badNamespace, `the network namespace ${record.netns} is gone`);
}

/**
 * Returns the container's interface.
 * @throws {CniError} if the container has no interface of that name.
 */
export function interfaceIn(node: Node, containerNetns: Namespace, ifname: string): Link {
  const link = node.links.byName(containerNetns, ifname);
  if (link !== undefined) return link;
  throw new CniError(codes.node, `the container has no interface ${ifname}`);
}
