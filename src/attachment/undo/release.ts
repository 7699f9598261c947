import { messageOf } from "../../cni/error-document.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { releaseGuidNotes } from "../record/guid-note.ts";
import { isNamed } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { holdsVf } from "./ownership.ts";
import { combineErrors, undoAll } from "./undo-all.ts";

/**
 * Takes a VF back from a container that has a record, and removes the record. The VF's lock is held.
 * @param path of the record.
 * @throws {CniError} where something could not be put back. The record stays then, and whoever comes next goes on.
 */
export function release(attachment: StepContext, state: StateDirectory, path: string): void {
  const { record, warn } = attachment;
  const { pci } = record.vf;
  const ours = attempt(`find out whose VF ${pci} is`, () => holdsVf(attachment));
  if (!ours) warn(`VF ${pci} is not ${record.containerId}'s any more; only its lease is released`);
  finish(attachment, state, path, ours);
}

/** Releases the lease, and removes the record, of an attachment whose VF is not to be seen, see {@link isUnseen}. */
export function releaseUnseen(attachment: StepContext, state: StateDirectory, path: string): void {
  attachment.warn(`VF ${attachment.record.vf.pci} is not to be seen; only its lease is released`);
  finish(attachment, state, path, false);
}

function finish(attachment: StepContext, state: StateDirectory, path: string, ours: boolean): void {
  const { record, locks, warn } = attachment;
  const { pci } = record.vf;
  const failure = combineErrors(
    `container ${record.containerId} could not be detached from VF ${pci} in every respect (the next DEL tries again)`,
    undoAll(attachment, ours),
  );
  if (failure !== undefined) {
    try {
      state.setState(path, "broken");
    } catch (error) {
      warn(`cannot mark the record ${path} as broken: ${messageOf(error)}`);
    }
    throw failure;
  }
  attempt(`give up GUID ${record.wanted.guid}`, () => giveUpGuid(attachment, state));
  attempt("remove the attachment's record", () => state.remove(path));
  if (isNamed(locks.owner, record)) attempt(`note that VF ${pci} is free`, () => locks.clearOwner());
}

/** A VF that another attachment has by now may have the same GUID: then the note is that one's. */
function giveUpGuid({ record, locks }: StepContext, state: StateDirectory): void {
  const { owner } = locks;
  const other = owner === undefined || isNamed(owner, record) ? undefined : state.findAny(owner);
  if (other?.unreadable === undefined) releaseGuidNotes(state, record, other?.record?.wanted.guid);
}
