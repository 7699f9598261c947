import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { AddContext } from "../context.ts";
import { releaseGuidNotes } from "../record/guid-note.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { undoAll } from "./undo-all.ts";

/**
 * Undoes an ADD that failed.
 * @param reason why it failed.
 * @returns the error for the runtime: `reason`, and what could not be put back, if anything. The record stays
 * in that case, and the next DEL, or ADD of that VF, goes on from there.
 */
export function rollBack(
  attachment: AddContext,
  state: StateDirectory,
  path: string,
  reason: unknown,
): unknown {
  const { node, locks, warn } = attachment;
  node.clock.ignoreInterrupts();
  const failures = undoAll(
    {
      ...attachment,
      deadline: node.clock.now() + attachment.rollbackTime,
      // A plugin that was never started (there is none of its name, say) has nothing to release.
      ipam: attachment.lease === undefined ? undefined : attachment.ipam,
    },
    true,
  );
  try {
    if (failures.length > 0) state.setState(path, "broken");
    else {
      releaseGuidNotes(state, attachment.record);
      state.remove(path);
      locks.clearOwner();
    }
  } catch (error) {
    // "preparing", as it stands there now, has the same consequences.
    warn(`cannot bring the record ${path} up to date: ${messageOf(error)}`);
  }
  if (failures.length === 0) return reason;
  return new CniError(
    reason instanceof CniError ? reason.code : codes.internal,
    `${messageOf(reason)}; and the VF could not be put back as it was (DEL tries again): ` +
      failures.map(messageOf).join("; "),
    { cause: new AggregateError([reason, ...failures], "ADD failed, and so did its undoing") },
  );
}
