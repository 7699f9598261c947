import { CniError, codes } from "../../cni/errors.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { AddContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { type AttachmentRecord, changesGuid } from "../record/record.ts";
import { waitFor } from "./wait.ts";

/**
 * How long the devices of a VF may take to come home from a namespace that was deleted, ms. The kernel tears
 * namespaces down in the background, 0.2 s after the deletion were measured.
 */
export const netnsTeardownTimeout = 2000;

/** The IPoIB netdev of a PCI function in a namespace; pkey children, which have the same parent, are not it. */
export function netdevOf(node: Node, where: Namespace, pci: string): Link | undefined {
  return node.links.ofFunction(where, pci).find((link) => !link.child);
}

/** The VF's netdev in the host's namespace. Where it is still on its way home it is waited for; undefined where it does not come. */
export function waitForNetdevReturn(node: Node, pci: string, deadline: number): Link | undefined {
  const { host } = node.namespaces;
  const there = netdevOf(node, host, pci);
  if (there !== undefined) return there;
  const watch = node.links.watch(host, "links");
  try {
    const until = Math.min(node.clock.now() + netnsTeardownTimeout, deadline);
    return waitFor(watch, until, () => netdevOf(node, host, pci));
  } finally {
    watch.close();
  }
}

/** The VF's netdev as ADD has last seen it, for the steps of an attachment that has one. */
export function requireNetdev({ netdev, record }: AddContext): Link {
  if (netdev === undefined) throw new Error(`VF ${record.vf.pci} has no netdev`);
  return netdev;
}

/**
 * {@link waitForNetdevReturn} of an attachment's VF.
 * @throws {CniError} code 11 where it does not come.
 */
export function hostNetdevOf({
  node,
  record,
  deadline,
}: {
  readonly node: Node;
  readonly record: AttachmentRecord;
  readonly deadline: number;
}): Link {
  const { pci } = record.vf;
  return attempt(`find the netdev of VF ${pci} on the host`, () => {
    const link = waitForNetdevReturn(node, pci, deadline);
    if (link !== undefined) return link;
    throw new CniError(
      codes.tryAgain,
      `VF ${pci} has no netdev on the host: another network namespace still holds it, or ib_ipoib is not loaded`,
    );
  });
}

/**
 * Reports whether a netdev of the VF has not been in the attachment's container: ADD was to give the VF another GUID, and
 * with it another netdev, and this one has not that GUID.
 */
export function isUntouched({ found, wanted }: AttachmentRecord, netdev: Link): boolean {
  return changesGuid(wanted, found) && portGuidOf(netdev.address) !== wanted.guid;
}
