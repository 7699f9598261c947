import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import type { Limits } from "../limits.ts";
import type { AttachmentName } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { assumedLiveness } from "../recovery/liveness.ts";
import { holdsVf } from "../undo/ownership.ts";
import { release, releaseUnseen } from "../undo/release.ts";
import { withLockedRecord } from "../undo/with-locked-record.ts";
import { externalDriver } from "../vf/driver.ts";
import { isUnseen } from "../vf/function.ts";
import { netdevOf } from "../vf/netdev.ts";
import { rdmaDevicesAway, rdmaDevicesIn } from "../vf/rdma-devices.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";
import { releaseUnreadable } from "./release-unreadable.ts";

/**
 * Takes a VF back from a container as its runtime's DEL would, for an operator who knows that nobody will call that.
 * @param force also from one that is alive. Nothing else in this program takes a VF out of a living container.
 * @returns false where there is no such attachment with a record of ours. Of one that cannot be read see
 * {@link releaseUnreadable}.
 * @throws {CniError} where it is alive (code 101), its VF is busy (11), or something could not be put back.
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
      const life = attempt("find out whether it lives", () => assumedLiveness(attachment));
      if (life !== undefined && !force) throw alive(name, life);
      if (force) attempt(`bring the devices of VF ${vf.pci} to the host`, () => tearOut(attachment));
      if (path !== undefined) release(attachment, state, path);
      releasePendingOf(node, state, attachment.locks, attachment.record.vf.pci, limits);
      isDone = true;
    },
  );
  return isDone;
}

function alive({ containerId }: AttachmentName, life: string): CniError {
  return new CniError(
    codes.deviceInUse,
    `container ${containerId} seems to be alive: ${life}; --force takes its VF all the same`,
  );
}

/**
 * Brings the VF's devices to the host by a rebind if one of them is in a namespace that this process cannot look into: the
 * container's, if it is found no more, or one into which the container has moved the device. Nothing else can move it back.
 */
function tearOut(attachment: StepContext): void {
  const { record } = attachment;
  if (record.mode === "vfio" || !holdsVf(attachment)) return;
  if (externalDriver(attachment) !== undefined || !isOutOfSight(attachment)) return;
  attachment.home = rebind(attachment);
  restoreRdmaNames(attachment);
}

/** Is one of the VF's devices neither on the host nor in the container's namespace? */
function isOutOfSight({ node, record, pod }: StepContext): boolean {
  const { pci } = record.vf;
  const rdma = rdmaDevicesAway(node, pci);
  if (rdma.length > (pod === undefined ? 0 : rdmaDevicesIn(node, pci, pod).length)) return true;
  if (record.mode !== undefined || !node.functions.hasNetdev(pci)) return false;
  const isInPod = pod !== undefined && node.links.ofFunction(pod, pci).length > 0;
  return !isInPod && netdevOf(node, node.namespaces.host, pci) === undefined;
}
