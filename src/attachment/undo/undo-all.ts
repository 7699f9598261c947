import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isOwnNetns } from "../netns.ts";
import { neededOf, stepsOf } from "../steps/all-steps.ts";
import { deviceInfo } from "../steps/device-info.ts";
import { guid } from "../steps/guid.ts";
import { hostNetdev } from "../steps/host-netdev.ts";
import { netInterface } from "../steps/interface.ts";
import { lease } from "../steps/lease.ts";
import { linkState } from "../steps/link-state.ts";
import { netdevSettings } from "../steps/netdev-settings.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { withdrawGuids } from "../vf/admin-guids.ts";
import { describeExternal, type ExternalDriver, externalDriver } from "../vf/driver.ts";
import { netdevOf } from "../vf/netdev.ts";

/**
 * Puts back everything that the attachment's steps changed, whatever of it was changed at all.
 *
 * It is the order of ADD backwards, with one exception: the GUIDs come before the interface. A rebind brings
 * everything of the VF home, and the interface has nothing left to do then; nor has it to be moved first when
 * the rebind fails, since it looks for the netdev wherever it is. Each step is tried whatever became of the
 * others, but an address is given back only when nothing carries it any more. The link state comes before the interface:
 * while that is up, the port can be taken down in order.
 * If another program has bound the VF to a driver of its own, nothing of the VF is touched: its lease is released, and
 * the PF loses what is still the container's.
 * @param current is the VF still the one that the attachment changed? Otherwise only its lease is left of it.
 * @returns what could not be put back; empty: everything is as before.
 */
export function undoAll(attachment: StepContext, current: boolean): unknown[] {
  const { pci } = attachment.record.vf;
  const undo = (step: Step) => () =>
    attachment.observe("undo", step.name, attachment.record, () =>
      attempt(`put back the ${step.name} of VF ${pci}`, () => step.undo(attachment)),
    );
  // Also where there is no lease: the log learns from it whose attachment this was.
  if (!current) return attemptAll([undo(lease)]);
  const failures = undoIfExternal(attachment, undo(lease));
  if (failures !== undefined) return failures;
  const { mode } = attachment.record;
  if (mode === "rdma") {
    return attemptAll(neededOf(attachment, [guid, rdmaDevice, deviceInfo, linkState]).map(undo));
  }
  if (mode === "vfio") return attemptAll(stepsOf(attachment).toReversed().map(undo));
  const all = neededOf(attachment, [
    guid,
    rdmaDevice,
    deviceInfo,
    linkState,
    netInterface,
    netdevSettings,
    hostNetdev,
    lease,
  ]);
  return attemptAll(
    all.map((step) => (step === lease ? () => requireUncarried(attachment, undo(step)) : undo(step))),
  );
}

/** Undoes an attachment whose VF another driver has; returns `undefined`, having done nothing, if none has. */
function undoIfExternal(attachment: StepContext, release: () => void): unknown[] | undefined {
  try {
    const driver = externalDriver(attachment);
    // The netdev went with the recorded driver, so nothing carries the addresses.
    return driver && attemptAll([() => undoForExternalDriver(attachment, driver, "leave"), release]);
  } catch (error) {
    // The VF may be another program's, so nothing is done to it; but the IPAM plugin must not outlive this call.
    return [error, ...attemptAll([() => attachment.lease?.end(attachment.deadline)])];
  }
}

/**
 * Gives up a VF that another driver has: the PF loses what is still the container's, the VF itself is not touched.
 * @param unknown what happens to GUIDs that the kernel cannot tell.
 */
export function undoForExternalDriver(
  attachment: StepContext,
  driver: ExternalDriver,
  unknown: "leave" | "set",
): void {
  const { record, warn } = attachment;
  warn(`${describeExternal(record, driver)}: container ${record.containerId} does not have it any more`);
  attachment.observe("undo", guid.name, record, () =>
    attempt(`put back the GUID of VF ${record.vf.pci}`, () => withdrawGuids(attachment, unknown)),
  );
}

/** Does it only where the container no longer has the netdev that carries the addresses. */
function requireUncarried(attachment: StepContext, release: () => void): void {
  try {
    requireGone(attachment);
  } catch (error) {
    // The lease stays, but the plugin that is making it must not outlive us.
    attachment.lease?.end(attachment.deadline);
    throw error;
  }
  release();
}

/** @throws {CniError} where the container has the netdev, or may have. */
function requireGone(attachment: StepContext): void {
  if (attachment.ipam === undefined) return;
  const { pci } = attachment.record.vf;
  if (!attempt(`look where the netdev of VF ${pci} is`, () => mayBeCarried(attachment))) return;
  throw new CniError(
    codes.node,
    `the lease is kept as long as ${attachment.record.netns} may hold the netdev of VF ${pci}`,
  );
}

/** A namespace that cannot be seen any more can have the netdev, if there is one, as long as the host has not. */
function mayBeCarried({ node, pod, record }: StepContext): boolean {
  const { pci } = record.vf;
  // In our own namespace the netdev stays, and loses its addresses by a rebind.
  if (pod !== undefined && isOwnNetns(node, pod)) return hasAddresses(node, pod, pci);
  if (pod !== undefined) return node.links.ofFunction(pod, pci).length > 0;
  return netdevOf(node, node.namespaces.host, pci) === undefined && node.functions.hasNetdev(pci);
}

/** Reports whether a netdev of the VF has addresses other than those that the kernel itself gives it. */
function hasAddresses(node: Node, where: Namespace, pci: string): boolean {
  return node.links
    .ofFunction(where, pci)
    .some(({ index }) => node.links.addresses(where, index).some(({ cidr }) => !cidr.startsWith("fe80:")));
}

/** One error of several, for the caller; undefined where there is none. */
export function combineErrors(what: string, failures: readonly unknown[]): CniError | undefined {
  const [first, ...others] = failures;
  if (first === undefined) return undefined;
  const code = first instanceof CniError ? first.code : codes.internal;
  const cause = others.length === 0 ? first : new AggregateError(failures, "several things failed");
  return new CniError(code, `${what}: ${messageOf(first)}`, { cause });
}
