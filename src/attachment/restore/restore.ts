import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isOwnNetns } from "../netns.ts";
import { guid } from "../steps/guid.ts";
import { lease } from "../steps/lease.ts";
import { undoStepsOf } from "../steps/order.ts";
import { withdrawGuids } from "../vf/admin-guids.ts";
import { describeForeignDriver, type ForeignDriver, foreignDriver } from "../vf/foreign-driver.ts";
import { netdevOf } from "../vf/netdev.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";

/** How a VF is restored. */
export interface RestoreOptions {
  /** Whether the VF still has what the attachment changed. If not, only the lease of the attachment is left. */
  readonly ownsVf: boolean;
  /** The settings that stay for the attachment that gets the VF right afterwards; `undefined` if none gets it. */
  readonly next?: {
    /** The steps whose settings stay, because the next attachment has the same ones. */
    readonly kept: readonly Step[];
    /** Whether the lease stays, and is released after the next ADD (ipam/unreleased-leases.ts). */
    readonly takesLease: boolean;
  };
  /** Whether the VF is bound to its driver again in any case, because no search finds all of its devices. */
  readonly rebinds?: boolean;
}

/**
 * Puts a VF back as it was before its attachment, by the originals of the record: undoes all steps, however far ADD came,
 * in the order of steps/order.ts. An original that is not known stays as it is. This is the only way back, for every verb and
 * command. Every step is attempted even if others fail; but the lease is released only when no netdev has its addresses
 * any more.
 *
 * If another program has bound the VF to a foreign driver, nothing of the VF is changed: its lease is released, and
 * the container's settings are removed from the PF.
 * @returns the errors of what could not be restored; empty if everything is as before.
 */
export function restore(attachment: StepContext, options: RestoreOptions): unknown[] {
  const { pci } = attachment.record.vf;
  const undo = (step: Step) => () =>
    attachment.observe("undo", step.name, attachment.record, () =>
      attempt(`undo the ${step.name} of VF ${pci}`, () => step.undo?.(attachment)),
    );
  const { ownsVf, next, rebinds = false } = options;
  // Even if the attachment has no lease: this call gives the attachment's name to the log.
  const release = next?.takesLease === true ? [] : [undo(lease)];
  if (!ownsVf) return attemptAll(release);
  let foreign: ForeignDriver | undefined;
  try {
    foreign = attempt(`read the driver of VF ${pci}`, () => foreignDriver(attachment));
  } catch (error) {
    // The VF may belong to another program, so it is left; but the IPAM plugin must not outlive this call.
    return [error, ...attemptAll([() => attachment.lease?.end(attachment.deadline)])];
  }
  // The netdev disappeared with the recorded driver, so no netdev has the addresses.
  if (foreign !== undefined) return attemptAll([() => giveUp(attachment, foreign, options), ...release]);
  const stays = (step: Step) => (step === lease ? next?.takesLease : next?.kept.includes(step)) === true;
  const steps = undoStepsOf(attachment).filter((step) => !stays(step));
  return attemptAll([
    ...(rebinds ? [() => rebindAnyway(attachment)] : []),
    ...steps.map((step) => (step === lease ? () => releaseIfUnused(attachment, undo(step)) : undo(step))),
  ]);
}

/**
 * Gives up a VF that has a foreign driver: the container's GUID is removed from the PF, and the VF itself is not
 * changed. If another attachment is next, it gets the VF with that driver, and must not get the container's GUID with it.
 */
function giveUp(attachment: StepContext, driver: ForeignDriver, { next }: RestoreOptions): void {
  const { record, warn } = attachment;
  warn(`${describeForeignDriver(record, driver)}: container ${record.containerId} does not have it any more`);
  attachment.observe("undo", guid.name, record, () =>
    attempt(`restore the GUIDs of VF ${record.vf.pci} at its PF`, () =>
      withdrawGuids(attachment, next === undefined ? "leave" : "set"),
    ),
  );
}

function rebindAnyway(attachment: StepContext): void {
  // A virtual machine gets the whole VF, without devices in any namespace.
  if (!propertiesOf(attachment.record).hasRdmaDevices) return;
  attempt(`rebind VF ${attachment.record.vf.pci}`, () => {
    attachment.hostNetdev = rebind(attachment);
    restoreRdmaNames(attachment);
  });
}

/** Releases the lease, if the container no longer has the netdev with its addresses. */
function releaseIfUnused(attachment: StepContext, release: () => void): void {
  try {
    requireGone(attachment);
  } catch (error) {
    // The lease stays, but an IPAM plugin that is still assigning it must not outlive this call.
    attachment.lease?.end(attachment.deadline);
    throw error;
  }
  release();
}

/** @throws {CniError} if the container has the netdev, or may have it. */
function requireGone(attachment: StepContext): void {
  if (attachment.ipam === undefined) return;
  const { pci } = attachment.record.vf;
  if (!attempt(`find the netdev of VF ${pci}`, () => mayBeCarried(attachment))) return;
  throw new CniError(
    codes.node,
    `the lease is kept as long as ${attachment.record.netns} may hold the netdev of VF ${pci}`,
  );
}

/**
 * Reports whether a netdev may still have the lease's addresses, so that the lease must stay. A netdev of the VF that is
 * not in the host namespace may be in a namespace that this process cannot find.
 */
function mayBeCarried({ node, containerNetns, record }: StepContext): boolean {
  const { pci } = record.vf;
  // In the plugin's own namespace the netdev stays, and a rebind removes its addresses.
  if (containerNetns !== undefined && isOwnNetns(node, containerNetns))
    return hasAddresses(node, containerNetns, pci);
  if (containerNetns !== undefined) return node.links.ofFunction(containerNetns, pci).length > 0;
  return netdevOf(node, node.namespaces.host, pci) === undefined && node.functions.hasNetdev(pci);
}

/** Reports whether a netdev of the VF has addresses other than those that the kernel itself gives it. */
function hasAddresses(node: Node, where: Namespace, pci: string): boolean {
  return node.links
    .ofFunction(where, pci)
    .some(({ index }) => node.links.addresses(where, index).some(({ cidr }) => !cidr.startsWith("fe80:")));
}
