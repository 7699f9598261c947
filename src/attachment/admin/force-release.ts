import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import type { Limits } from "../limits.ts";
import type { AttachmentName } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { assumedLiveness } from "../recovery/liveness.ts";
import { holdsVf } from "../undo/has-vf.ts";
import { release, releaseUnseen } from "../undo/release.ts";
import { withLockedRecord } from "../undo/with-locked-record.ts";
import { externalDriver } from "../vf/driver.ts";
import { netdevOf } from "../vf/netdev.ts";
import { isUnseen } from "../vf/pci-function.ts";
import { rdmaDevicesAway, rdmaDevicesIn } from "../vf/rdma-devices.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";
import { releaseUnreadable } from "./release-unreadable.ts";

/**
 * Releases the VF of a container as DEL would, for an operator who knows that the runtime will not call DEL.
 * @param force also releases the VF of a running container, which nothing else in this program does.
 * @returns false if the attachment has no record of this plugin. An unreadable record goes to
 *   {@link releaseUnreadable}.
 * @throws {CniError} if the container is running (code 101), its VF is busy (11), or a setting could not be restored.
 */
export function forceRelease(
  node: Node,
  state: StateDirectory,
  limits: Limits,
  name: AttachmentName,
  force: boolean,
): boolean {
  const stored = attempt("read the attachment's record", () => state.findAny(name));
  if (stored?.unreadable !== undefined) {
    releaseUnreadable(node, state, limits, name, stored, force);
    return true;
  }
  let isDone = false;
  const verb = `release of container ${name.containerId}`;
  withLockedRecord(
    node,
    state,
    limits,
    verb,
    () => state.find(name)?.record,
    (attachment) => {
      const path = attempt("find the attachment's record", () => state.find(name)?.path);
      const { vf } = attachment.record;
      const isHidden = force && attempt(`look for VF ${vf.pci}`, () => isUnseen(node, vf));
      if (path !== undefined && isHidden) {
        releaseUnseen(attachment, state, path);
        isDone = true;
        return;
      }
      const evidence = attempt("find out whether the container is running", () =>
        assumedLiveness(attachment),
      );
      if (evidence !== undefined && !force) throw runningError(name, evidence);
      if (force)
        attempt(`move the devices of VF ${vf.pci} to the host`, () => rebindFromUnseenNetns(attachment));
      if (path !== undefined) release(attachment, state, path);
      releasePendingOf(node, state, attachment.locks, attachment.record.vf.pci, limits);
      isDone = true;
    },
  );
  return isDone;
}

function runningError({ containerId }: AttachmentName, evidence: string): CniError {
  return new CniError(
    codes.deviceInUse,
    `container ${containerId} seems to be running: ${evidence}; use --force to release its VF anyway`,
  );
}

/**
 * Returns the VF's devices to the host by a rebind if any of them is in a namespace that this process cannot look into:
 * the container's, if it cannot be found any more, or one into which the container has moved the device. Only a rebind
 * can return such a device.
 */
function rebindFromUnseenNetns(attachment: StepContext): void {
  const { record } = attachment;
  if (record.mode === "vfio" || !holdsVf(attachment)) return;
  if (externalDriver(attachment) !== undefined || !isOutOfSight(attachment)) return;
  attachment.home = rebind(attachment);
  restoreRdmaNames(attachment);
}

/** Reports whether a device of the VF is neither on the host nor in the container's namespace. */
function isOutOfSight({ node, record, pod }: StepContext): boolean {
  const { pci } = record.vf;
  const rdma = rdmaDevicesAway(node, pci);
  if (rdma.length > (pod === undefined ? 0 : rdmaDevicesIn(node, pci, pod).length)) return true;
  if (record.mode !== undefined || !node.functions.hasNetdev(pci)) return false;
  const isInPod = pod !== undefined && node.links.ofFunction(pod, pci).length > 0;
  return !isInPod && netdevOf(node, node.namespaces.host, pci) === undefined;
}
