import { CniError, codes } from "../../cni/errors.ts";
import { parseHardwareAddress, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { AddContext, Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { isOwnNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { hostNetdevOf, netdevOf, requireNetdev } from "../vf/netdev.ts";
import { endPkeyChildren } from "../vf/pkey-children.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";
import { lowerMtu } from "./host-netdev.ts";
import { ownResult } from "./own-result.ts";

/** The VF's netdev: in the container, under CNI_IFNAME. */
export const netInterface: Step = {
  name: "interface",

  apply(attachment) {
    const { node, record } = attachment;
    const pod = requireContainerNetns(attachment);
    const { pci } = record.vf;
    try {
      if (attachment.netdevIn === pod) bringUp(attachment, pod, requireNetdev(attachment));
      else moveSeen(attachment, pod);
    } catch (error) {
      if (!bringUpWithAllowedMtu(attachment, pod)) throw error;
    }
    attachment.netdev = interfaceIn(node, pod, record.ifname);
    // udev can give it one between our look and the move.
    stripAltnames(node, pod, requireNetdev(attachment), pci);
  },

  undo(attachment) {
    const { node, record, pod } = attachment;
    // After a rebind nothing of the VF is anywhere else.
    if (attachment.home !== undefined) return;
    const { pci } = record.vf;
    // Not by name: a move that failed half-way leaves the netdev there under another one.
    const there = pod === undefined ? [] : node.links.ofFunction(pod, pci);
    const link = there[0];
    // Some kernels list pkey children as netdevs of the VF: a rebind ends them. And a kill of the process that binds the
    // driver cuts the probe short: it is done again. In our own namespace nothing is moved, and so addresses, routes and
    // settings would stay.
    const isOwn = pod !== undefined && isOwnNetns(node, pod);
    if (isOwn || there.some((each) => each.child) || (link === undefined && !node.functions.hasNetdev(pci))) {
      rebind(attachment);
      restoreRdmaNames(attachment);
      attachment.home = hostNetdevOf(attachment);
      return;
    }
    if (pod !== undefined && link !== undefined) {
      attempt(`move ${link.name} of VF ${pci} from ${record.netns} back to the host`, () =>
        returnToHost(node, pod, link, pci, record.found.name),
      );
    }
    attachment.home = endPkeyChildren(attachment, hostNetdevOf(attachment));
  },

  verify(attachment, result) {
    const { node, record } = attachment;
    const { ifname } = record;
    const link = interfaceIn(node, requireContainerNetns(attachment), ifname);
    if (link.pci !== undefined && link.pci !== record.vf.pci) {
      throw new CniError(codes.node, `${ifname} belongs to ${link.pci}, not to VF ${record.vf.pci}`);
    }
    const own = ownResult(record, result).interface;
    requireGuid(link, own.mac);
    if (!link.up) throw new CniError(codes.node, `${ifname} is down; ADD left it up`);
    // Without a carrier it is not known yet what the broadcast group allows, which may be less than what was wanted.
    if (record.wanted.mtu === undefined || !link.carrier) return;
    const told = own.mtu ?? record.wanted.mtu;
    if (link.mtu !== told) throw new CniError(codes.node, `the MTU of ${ifname} is ${link.mtu}, not ${told}`);
  },
};

/** Moves the netdev as it was last seen. */
function moveSeen(attachment: AddContext, pod: Namespace): void {
  try {
    moveIn(attachment, pod, requireNetdev(attachment));
  } catch (error) {
    // udev may have given it alternative names since it was seen, and one of them collides.
    const now = withAltnames(attachment.node, requireNetdev(attachment).index);
    if (now === undefined) throw error;
    moveIn(attachment, pod, now);
  }
}

/** A netdev of the host, if it can be seen there and has alternative names. */
function withAltnames(node: Node, index: number): Link | undefined {
  const link = undefinedIfUnreadable(() => node.links.byIndex(node.namespaces.host, index));
  return link !== undefined && link.altnames.length > 0 ? link : undefined;
}

/** Looks for a netdev after a failure, which matters more than one of the look. */
function undefinedIfUnreadable(look: () => Link | undefined): Link | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Moves a netdev of the host to the container, without its alternative names, which would collide with others there. */
function moveIn(attachment: StepContext, pod: Namespace, link: Link): void {
  const { node, record } = attachment;
  const { host } = node.namespaces;
  const { pci } = record.vf;
  stripAltnames(node, host, link, pci);
  restoreMode(attachment, host, link);
  const mtu = mtuOf(record, link);
  attempt(`move ${link.name} of VF ${pci} to ${record.netns} as ${record.ifname}, up with MTU ${mtu}`, () =>
    node.links.move(host, link.index, pod, record.ifname, upWith(mtu, link)),
  );
}

/** The same for a netdev that came to the container with its RDMA device. */
function bringUp(attachment: StepContext, pod: Namespace, link: Link): void {
  const { node, record } = attachment;
  restoreMode(attachment, pod, link);
  const mtu = mtuOf(record, link);
  attempt(`name ${link.name} of VF ${record.vf.pci} ${record.ifname}, up with MTU ${mtu}`, () =>
    node.links.set(pod, link.index, { name: record.ifname, ...upWith(mtu, link) }),
  );
}

/** Restores the IPoIB mode that a rebind or a move has reset: in datagram mode the kernel refuses the MTU of connected mode. */
function restoreMode({ node, record }: StepContext, where: Namespace, { index, name, settings }: Link): void {
  const mode = record.found.settings?.mode;
  if (mode === undefined || settings.mode === undefined || settings.mode === mode) return;
  attempt(`restore the IPoIB mode of ${name} of VF ${record.vf.pci}`, () =>
    node.links.setSettings(where, index, settings, { ...settings, mode }),
  );
}

/**
 * What the network wants, or else what the node's operator gave to this VF, which a rebind or a move has forgotten;
 * what it has where nobody knows that.
 */
function mtuOf({ wanted, found }: AttachmentRecord, link: Link): number {
  return wanted.mtu ?? found.mtu ?? link.mtu;
}

/**
 * Names the interface and brings it up with the largest MTU that its port allows, if the MTU is what the kernel refused:
 * it has moved the netdev by then, and not renamed it.
 * @returns false if something else has failed.
 * @throws {CniError} code 7 if the network asks for more than the port allows.
 */
function bringUpWithAllowedMtu({ node, record, warn }: StepContext, pod: Namespace): boolean {
  const { ifname, vf, wanted } = record;
  const link = undefinedIfUnreadable(() => netdevOf(node, pod, vf.pci));
  if (link === undefined || link.up) return false;
  const mtu = mtuOf(record, link);
  if (link.mtu === mtu) return false;
  const allowed = attempt(`set MTU ${mtu} on ${link.name} of VF ${vf.pci}`, () =>
    node.links.setMtu(pod, link.index, mtu),
  );
  if (wanted.mtu !== undefined && allowed !== mtu) {
    const mode = link.settings.mode === 1 ? "connected" : "datagram";
    throw new CniError(
      codes.badConfiguration,
      `mtu: the port of VF ${vf.pci} allows at most ${allowed} in ${mode} mode, and the network has ${mtu}; lower it, or ` +
        "raise the MTU of the port",
    );
  }
  if (allowed !== mtu) warn(lowerMtu(ifname, vf.pci, mtu, allowed));
  attempt(`name ${link.name} of VF ${vf.pci} ${ifname} and bring it up`, () =>
    node.links.set(pod, link.index, { name: ifname, up: true }),
  );
  return true;
}

/** It comes up at once, because the subnet is joined meanwhile, in the background. */
function upWith(mtu: number, link: Link) {
  return { ...(link.mtu === mtu ? {} : { mtu }), up: true };
}

/**
 * Of a hardware address only the port GUID says whose it is: its flags change with the mode (datagram, connected).
 * @param mac as ADD told it; undefined where the version of its result has no place for it.
 * @throws {CniError} where the interface has another one.
 */
function requireGuid({ name, address }: Link, mac: string | undefined): void {
  const told = mac === undefined ? undefined : parseHardwareAddress(mac);
  if (told === undefined) return;
  const [expected, found] = [portGuidOf(told), portGuidOf(address)];
  if (found === expected) return;
  throw new CniError(codes.node, `${name} has the port GUID ${found}, not ${expected}, of which ADD told`);
}

/**
 * Brings a netdev home, whatever the container has made of it: a name, or an alternative one, that the host has
 * too must not keep it there.
 */
export function returnToHost(node: Node, pod: Namespace, link: Link, pci: string, name: string): void {
  const { host } = node.namespaces;
  stripAltnames(node, pod, link, pci);
  try {
    node.links.move(pod, link.index, host, name);
  } catch {
    // With its name taken on the host it comes home all the same, under the one that it had in the container …
    if (netdevOf(node, host, pci) !== undefined) return;
    // … unless that is taken as well. "%d" has the kernel choose a free number.
    node.links.move(pod, link.index, host, "ib%d");
  }
}

function stripAltnames(node: Node, where: Namespace, link: Link, pci: string): void {
  if (link.altnames.length === 0) return;
  attempt(`take the alternative names off ${link.name} of VF ${pci}`, () =>
    node.links.removeAltnames(where, link.index, link.altnames),
  );
}

/**
 * The container's namespace.
 * @throws {CniError} where it is gone.
 */
export function requireContainerNetns({ pod, record }: StepContext): Namespace {
  if (pod !== undefined) return pod;
  throw new CniError(codes.badNamespace, `the network namespace ${record.netns} is gone`);
}

/**
 * The container's interface.
 * @throws {CniError} where it is not there (any more).
 */
export function interfaceIn(node: Node, pod: Namespace, ifname: string): Link {
  const link = attempt(`read ${ifname}`, () => node.links.byName(pod, ifname));
  if (link !== undefined) return link;
  throw new CniError(codes.node, `the container has no interface ${ifname}`);
}
