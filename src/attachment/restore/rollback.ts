import { messageOf } from "../../cni/error-document.ts";
import { CniError } from "../../cni/errors.ts";
import type { AddContext } from "../context.ts";
import { cniErrorOf } from "../errors.ts";
import { releaseGuidNotes } from "../record/guid-notes.ts";
import { restore } from "./restore.ts";

/**
 * Undoes an ADD that failed.
 * @param reason the error that ADD failed with.
 * @returns the error for the runtime: `reason`, and the settings that could not be restored, if any. The record then
 *   remains, and the next DEL, or the next ADD of that VF, continues from it.
 */
export function rollBack(attachment: AddContext, reason: unknown): CniError {
  const { node, state, path, record, locks, warn } = attachment;
  const failure = cniErrorOf(`attach VF ${record.vf.pci}`, reason);
  node.clock.ignoreInterrupts();
  const failures = restore(
    {
      ...attachment,
      deadline: node.clock.now() + attachment.rollbackTime,
      // An IPAM plugin that was never started, for example because it is not installed, has nothing to release.
      ipam: attachment.lease === undefined ? undefined : attachment.ipam,
    },
    { ownsVf: true },
  );
  try {
    if (failures.length > 0) state.setState(path, "undo-failed");
    else {
      releaseGuidNotes(state, record);
      state.remove(path);
      locks.clearOwner();
    }
  } catch (error) {
    // The record then stays "preparing", which has the same effect.
    warn(`cannot update the record ${path}: ${messageOf(error)}`);
  }
  // A command may have more VFs, with which it must not begin after a signal.
  node.clock.heedInterrupts();
  if (failures.length === 0) return failure;
  return new CniError(
    failure.code,
    `${messageOf(failure)}; and the VF could not be put back as it was (DEL tries again): ` +
      failures.map(messageOf).join("; "),
    { cause: new AggregateError([failure, ...failures], "ADD failed, and so did its rollback") },
  );
}
