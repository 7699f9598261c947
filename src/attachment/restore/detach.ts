import { messageOf } from "../../cni/error-document.ts";
import type { StepContext } from "../context.ts";
import { attempt, combineErrors } from "../errors.ts";
import { confirmOwnGuid } from "../lock/own-guids.ts";
import { guidsOf, releaseGuidNotes } from "../record/guid-notes.ts";
import { isNamed } from "../record/record.ts";
import { ownsVf } from "../vf/owns-vf.ts";
import { type RestoreOptions, restore } from "./restore.ts";

/**
 * Returns the VF of an attachment that has a record to the host, and removes the record. The VF's lock is held.
 * @param path of the record.
 * @throws {CniError} if a setting could not be restored. The record then remains, and the next call for it continues.
 */
export function detach(
  attachment: StepContext,
  path: string,
  options: Pick<RestoreOptions, "rebinds"> = {},
): void {
  const { record, warn } = attachment;
  const { pci } = record.vf;
  const isOwner = attempt(`find the owner of VF ${pci}`, () => ownsVf(attachment));
  if (!isOwner) {
    warn(`VF ${pci} does not belong to container ${record.containerId} any more; only its lease is released`);
  }
  finish(attachment, path, { ...options, ownsVf: isOwner });
}

/** Releases the lease and removes the record of an attachment whose VF sysfs does not show, see {@link isUnseen}. */
export function detachUnseen(attachment: StepContext, path: string): void {
  attachment.warn(`sysfs does not show VF ${attachment.record.vf.pci}; only its lease is released`);
  finish(attachment, path, { ownsVf: false });
}

function finish(attachment: StepContext, path: string, options: RestoreOptions): void {
  const { record, state, locks, warn } = attachment;
  const { pci } = record.vf;
  const failure = combineErrors(
    `container ${record.containerId} could not be completely detached from VF ${pci} (the next DEL tries again)`,
    restore(attachment, options),
  );
  if (failure !== undefined) {
    try {
      state.setState(path, "undo-failed");
    } catch (error) {
      warn(`cannot mark the record ${path} as undo-failed: ${messageOf(error)}`);
    }
    throw failure;
  }
  attempt(`forget container ${record.containerId}, which is detached from VF ${pci}`, () => {
    removeGuidNotes(attachment);
    state.remove(path);
    confirmOwnGuid(locks, record);
    if (isNamed(locks.owner, record)) locks.clearOwner(record.containerId);
    else locks.forgetPodFiles(record.containerId);
  });
}

/** Removes the notes of the GUIDs, except those that the VF's new owner has: they are the new owner's. */
function removeGuidNotes({ record, state, locks }: StepContext): void {
  const { owner } = locks;
  const other = owner === undefined || isNamed(owner, record) ? undefined : state.findAny(owner);
  if (other?.unreadable === undefined)
    releaseGuidNotes(state, record, other?.record && guidsOf(other.record));
}
