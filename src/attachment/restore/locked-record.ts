import type { Node } from "../../node/node.ts";
import { isPhysical } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { recordedNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** Time limit for the lock of a VF, ms. The call that holds the lock will clean up, or give the VF a new owner. */
const lockTimeout = 5000;

/**
 * Runs an action on an attachment, under the lock of its VF, without a call of its runtime.
 * @param verb the text for the lock's note, e.g. "GC of network n".
 * @param read reads the record; it returns `undefined` if no record exists, or the action is not for it. It is called
 *   again under the lock.
 * @throws {CniError} code 11, naming the holder, if the lock is held for too long.
 */
export function withLockedRecord(
  session: Session,
  verb: string,
  read: () => AttachmentRecord | undefined,
  action: (attachment: StepContext) => void,
): void {
  const { node } = session;
  const readRecord = () => attempt("read the attachment's record", read);
  const seen = readRecord();
  if (seen === undefined) return;
  const { pci } = seen.vf;
  const deadline = Math.min(node.clock.now() + lockTimeout, session.deadline);
  withVfLock({ ...session, deadline }, pci, verb, ({ locks }) => {
    // The record that was read without the lock may be out of date.
    const now = readRecord();
    if (now?.vf.pci !== pci) return;
    const attachment = attempt(`find VF ${pci} and the network namespace ${now.netns}`, () =>
      stepContextOf({ ...session, locks }, withActualIndex(node, now), recordedNetns(node, now)),
    );
    action(attachment);
  });
}

/**
 * Returns the record with the index that its VF really has at its PF. Settings at the PF use this index, and a damaged
 * record could contain the index of another VF.
 */
export function withActualIndex(node: Node, record: AttachmentRecord): AttachmentRecord {
  const { vf } = record;
  if (isPhysical(vf) || node.functions.isVirtualOf(vf)) return record;
  // The VF is gone, or is of another generation. Nothing will be set on it.
  if (node.functions.generation(vf.pci) !== vf.generation) return record;
  return { ...record, vf: node.functions.virtualFunction(vf.pci) };
}
