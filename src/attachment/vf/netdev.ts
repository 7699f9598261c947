import { CniError, codes } from "../../cni/errors.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { AddContext } from "../context.ts";
import { type AttachmentRecord, changesGuid } from "../record/record.ts";
import { waitFor } from "./wait-for.ts";

/**
 * Time limit for the devices of a VF to return to the host from a deleted namespace, ms. The kernel tears namespaces
 * down in the background; 0.2 s after the deletion were measured.
 */
export const netnsTeardownTimeout = 2000;

/**
 * Returns the IPoIB netdev of a PCI function in a namespace, without its pkey children, which have the same parent
 * device.
 */
export function netdevOf(node: Node, where: Namespace, pci: string): Link | undefined {
  return node.links.ofFunction(where, pci).find((link) => !link.child);
}

/**
 * Returns the VF's netdev in the host namespace, and waits for it if it has not returned yet; `undefined` if it does
 * not return within the time limit.
 */
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

/** Returns the VF's netdev as ADD has last read it, for the steps of an attachment with a netdev. */
export function requireNetdev({ netdev, record }: AddContext): Link {
  if (netdev === undefined) throw new Error(`VF ${record.vf.pci} has no netdev`);
  return netdev;
}

/**
 * Returns the netdev of an attachment's VF, see {@link waitForNetdevReturn}.
 * @throws {CniError} code 11 if it does not return to the host.
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
  // It mostly has its original name, and the lookup by name takes fewer system calls. Kernels before 5.14 do not report
  // the PCI address.
  const { name } = record.originals;
  const named = name === "" ? undefined : node.links.byName(node.namespaces.host, name);
  if (named?.pci === pci && !named.child) return named;
  const link = waitForNetdevReturn(node, pci, deadline);
  if (link !== undefined) return link;
  throw new CniError(
    codes.tryAgain,
    `VF ${pci} has no netdev on the host: another network namespace still holds it, or ib_ipoib is not loaded`,
  );
}

/**
 * Reports whether a netdev of the VF has not been in the attachment's container. ADD had to give the VF another GUID,
 * which makes a new netdev, and this netdev does not have that GUID.
 */
export function isUntouched({ originals, desired }: AttachmentRecord, netdev: Link): boolean {
  return changesGuid(desired, originals) && portGuidOf(netdev.address) !== desired.guid;
}
