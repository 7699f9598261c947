import { CniError, codes } from "../../cni/errors.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { useOfAttachment, useText } from "../in-use/in-use.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import type { Session } from "../lock/session.ts";
import { containerText } from "../record/container-text.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import { detach, detachUnseen } from "../restore/detach.ts";
import { withLockedRecord } from "../restore/locked-record.ts";
import { netdevOf } from "../vf/netdev.ts";
import { isUnseen } from "../vf/pci-function.ts";
import { rdmaDevicesAway, rdmaDevicesIn } from "../vf/rdma-devices.ts";
import { releaseUnreadable } from "./release-unreadable.ts";

/**
 * Releases the VF of a container as DEL would, for an operator who knows that the runtime will not call DEL.
 * @param options `force` also releases the VF of a running container, which nothing else in this program does.
 * @returns false if the attachment has no record of this plugin. An unreadable record goes to
 *   {@link releaseUnreadable}.
 * @throws {CniError} if the container is running (code 101), its VF is busy (11), or a setting could not be restored.
 */
export function forceRelease(
  session: Session,
  name: AttachmentName,
  options: { readonly force: boolean },
): boolean {
  const { state } = session;
  const stored = attempt("read the attachment's record", () => state.findAny(name));
  if (stored?.unreadable !== undefined) {
    releaseUnreadable(session, stored, name, options);
    return true;
  }
  let isDone = false;
  const read = () => state.find(name)?.record;
  withLockedRecord(session, `release of container ${name.containerId}`, read, (attachment) => {
    attempt(`release container ${name.containerId}`, () => releaseLocked(attachment, name, options));
    isDone = true;
  });
  return isDone;
}

/**
 * Releases an attachment whose record cannot be read, and whose name is not known either: the path of the record stands
 * for it.
 * @returns false if the record does not exist, or can be read.
 * @throws {CniError} as {@link forceRelease}.
 */
export function forceReleaseAt(
  session: Session,
  path: string,
  options: { readonly force: boolean },
): boolean {
  const stored = attempt("read the attachment's record", () => session.state.readAny(path));
  if (stored?.unreadable === undefined) return false;
  releaseUnreadable(session, stored, undefined, options);
  return true;
}

function releaseLocked(
  attachment: StepContext,
  name: AttachmentName,
  { force }: { readonly force: boolean },
): void {
  const { node, state, record } = attachment;
  const path = state.find(name)?.path;
  if (path !== undefined && force && isUnseen(node, record.vf)) {
    detachUnseen(attachment, path);
    return;
  }
  const use = force ? undefined : useOfAttachment(attachment, { emptyNetns: "used" });
  if (use !== undefined) throw runningError(record, useText(use));
  if (path !== undefined) detach(attachment, path, { rebinds: force && isOutOfSight(attachment) });
  releaseLeasesOf(attachment, record.vf.pci);
}

function runningError(record: AttachmentRecord, evidence: string): CniError {
  return new CniError(
    codes.deviceInUse,
    `${containerText(record)} seems to be running: ${evidence}; use --force to release its VF anyway`,
  );
}

/**
 * Reports whether a device of the VF is neither on the host nor in the container's namespace: this process cannot look
 * into that namespace, or the container has moved the device to another one. Only a rebind returns such a device.
 */
function isOutOfSight({ node, record, containerNetns }: StepContext): boolean {
  const { pci } = record.vf;
  if (!propertiesOf(record).hasRdmaDevices) return false;
  const rdma = rdmaDevicesAway(node, pci);
  if (rdma.length > (containerNetns === undefined ? 0 : rdmaDevicesIn(node, pci, containerNetns).length))
    return true;
  if (!propertiesOf(record).hasNetdev || !node.functions.hasNetdev(pci)) return false;
  const isInPod = containerNetns !== undefined && node.links.ofFunction(containerNetns, pci).length > 0;
  return !isInPod && netdevOf(node, node.namespaces.host, pci) === undefined;
}
