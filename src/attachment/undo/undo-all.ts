import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isOwnNetns } from "../netns.ts";
import { guid } from "../steps/guid.ts";
import { lease } from "../steps/lease.ts";
import { undoStepsOf } from "../steps/steps.ts";
import { withdrawGuids } from "../vf/admin-guids.ts";
import { describeExternal, type ExternalDriver, externalDriver } from "../vf/driver.ts";
import { netdevOf } from "../vf/netdev.ts";

/**
 * Undoes all steps of an attachment, however far ADD came, in the order of modes.ts. Every step is attempted
 * even if others fail; but the lease is released only when no netdev has its addresses any more.
 *
 * If another program has bound the VF to an external driver, nothing of the VF is changed: its lease is released, and
 * the container's settings are removed from the PF.
 * @param vf `isHeld`: whether the VF still has what the attachment changed. If not, only its lease is left to release.
 * @returns the errors of steps that could not be undone; empty if everything is as before.
 */
export function undoAll(attachment: StepContext, { isHeld }: { readonly isHeld: boolean }): unknown[] {
  const { pci } = attachment.record.vf;
  const undo = (step: Step) => () =>
    attachment.observe("undo", step.name, attachment.record, () =>
      attempt(`undo the ${step.name} of VF ${pci}`, () => step.undo(attachment)),
    );
  // Even if the attachment has no lease: this call gives the attachment's name to the log.
  if (!isHeld) return attemptAll([undo(lease)]);
  const failures = undoIfExternal(attachment, undo(lease));
  if (failures !== undefined) return failures;
  return attemptAll(
    undoStepsOf(attachment).map((step) =>
      step === lease ? () => releaseIfUnused(attachment, undo(step)) : undo(step),
    ),
  );
}

/** Undoes an attachment whose VF has an external driver; does nothing and returns `undefined` if it has not. */
function undoIfExternal(attachment: StepContext, release: () => void): unknown[] | undefined {
  try {
    const driver = attempt(`read the driver of VF ${attachment.record.vf.pci}`, () =>
      externalDriver(attachment),
    );
    // The netdev disappeared with the recorded driver, so no netdev has the addresses.
    return driver && attemptAll([() => undoForExternalDriver(attachment, driver, "leave"), release]);
  } catch (error) {
    // The VF may belong to another program, so it is left; but the IPAM plugin must not outlive this call.
    return [error, ...attemptAll([() => attachment.lease?.end(attachment.deadline)])];
  }
}

/**
 * Gives up a VF that has an external driver: the container's GUID is removed from the PF, and the VF itself is not
 * changed.
 * @param unknown what to do with GUIDs that the kernel does not report.
 */
export function undoForExternalDriver(
  attachment: StepContext,
  driver: ExternalDriver,
  unknown: "leave" | "set",
): void {
  const { record, warn } = attachment;
  warn(`${describeExternal(record, driver)}: container ${record.containerId} does not have it any more`);
  attachment.observe("undo", guid.name, record, () =>
    attempt(`restore the GUIDs of VF ${record.vf.pci} at its PF`, () => withdrawGuids(attachment, unknown)),
  );
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

/** Combines several errors into one; returns `undefined` if the list is empty. */
export function combineErrors(what: string, failures: readonly unknown[]): CniError | undefined {
  const [first, ...others] = failures;
  if (first === undefined) return undefined;
  const code = first instanceof CniError ? first.code : codes.internal;
  const cause = others.length === 0 ? first : new AggregateError(failures, "several things failed");
  return new CniError(code, `${what}: ${messageOf(first)}`, { cause });
}
