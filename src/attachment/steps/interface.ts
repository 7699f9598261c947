import { CniError, codes } from "../../cni/errors.ts";
import { parseHardwareAddress, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { Attachment, Step } from "../attachment.ts";
import { attempt } from "../failure.ts";
import { ownResult } from "../own-result.ts";
import { rebind } from "../rebind.ts";
import { hostNetdevOf, netdevOf } from "../vf-netdev.ts";

/** The VF's netdev: in the container, under CNI_IFNAME. */
export const netInterface: Step = {
  name: "interface",

  apply(attachment) {
    const { node, record } = attachment;
    const pod = living(attachment);
    const { pci } = record.vf;
    try {
      moveIn(attachment, pod, attachment.netdev);
    } catch (error) {
      // udev may have given it alternative names since it was seen, and one of them collides.
      const now = withAltnames(node, attachment.netdev.index);
      if (now === undefined) throw error;
      moveIn(attachment, pod, now);
    }
    attachment.netdev = interfaceIn(node, pod, record.ifname);
    // udev can give it one between our look and the move.
    stripAltnames(node, pod, attachment.netdev, pci);
  },

  undo(attachment) {
    const { node, record, pod } = attachment;
    // After a rebind nothing of the VF is anywhere else.
    if (attachment.home !== undefined) return;
    const { pci } = record.vf;
    // Not by name: a move that failed half-way leaves the netdev there under another one.
    const there = pod === undefined ? [] : node.links.ofFunction(pod, pci);
    const link = there[0];
    if (there.some((each) => each.child)) {
      // The container has made pkey children of it, which nobody could give back. A rebind ends them.
      rebind(attachment);
    } else if (pod !== undefined && link !== undefined) {
      attempt(`move ${link.name} of VF ${pci} from ${record.netns} back to the host`, () =>
        moveHome(node, pod, link, pci, record.found.name),
      );
    } else if (!node.functions.hasNetdev(pci)) {
      // A kill of the process that binds the driver cuts the probe short: it is done again.
      rebind(attachment);
    }
    attachment.home = hostNetdevOf(attachment);
  },

  verify(attachment, result) {
    const { node, record } = attachment;
    const { ifname } = record;
    const link = interfaceIn(node, living(attachment), ifname);
    if (link.pci !== undefined && link.pci !== record.vf.pci) {
      throw new CniError(codes.node, `${ifname} belongs to ${link.pci}, not to VF ${record.vf.pci}`);
    }
    requireGuid(link, ownResult(record, result).interface.mac);
    if (!link.up) throw new CniError(codes.node, `${ifname} is down; ADD left it up`);
  },
};

/** A netdev of the host, if it can be seen there and has alternative names. */
function withAltnames(node: Node, index: number): Link | undefined {
  try {
    const link = node.links.byIndex(node.namespaces.host, index);
    return link !== undefined && link.altnames.length > 0 ? link : undefined;
  } catch {
    // What went wrong before matters more.
    return undefined;
  }
}

/**
 * Moves a netdev of the host to the container, without its alternative names, which would collide with others there.
 * It comes up at once, because the subnet is joined meanwhile, in the background; and with the MTU that the node's
 * operator gave to this VF, which a rebind has forgotten.
 */
function moveIn({ node, record }: Attachment, pod: Namespace, link: Link): void {
  const { host } = node.namespaces;
  const { pci } = record.vf;
  stripAltnames(node, host, link, pci);
  const mtu = link.mtu === record.found.mtu ? {} : { mtu: record.found.mtu };
  attempt(
    `move ${link.name} of VF ${pci} to ${record.netns} as ${record.ifname}, up with MTU ${record.found.mtu}`,
    () => node.links.move(host, link.index, pod, record.ifname, { ...mtu, up: true }),
  );
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
export function moveHome(node: Node, pod: Namespace, link: Link, pci: string, name: string): void {
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
export function living({ pod, record }: Attachment): Namespace {
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
