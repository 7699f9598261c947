import type { Node } from "../../node/node.ts";
import { isPhysical } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { withVfLock } from "../lock/locks.ts";
import { recordedNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";

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
  node: Node,
  state: StateDirectory,
  limits: Limits,
  verb: string,
  read: () => AttachmentRecord | undefined,
  action: (attachment: StepContext) => void,
): void {
  const readRecord = () => attempt("read the attachment's record", read);
  const seen = readRecord();
  if (seen === undefined) return;
  const { pci } = seen.vf;
  const deadline = Math.min(node.clock.now() + lockTimeout, limits.deadline);
  withVfLock(node, state, { ...limits, deadline }, pci, verb, (locks) => {
    // The record that was read without the lock may be out of date.
    const now = readRecord();
    if (now?.vf.pci !== pci) return;
    const record = attempt(`find VF ${pci} at its PF`, () => located(node, now));
    const pod = attempt(`look for the network namespace ${record.netns}`, () => recordedNetns(node, record));
    action(stepContextOf(node, record, pod, locks, limits));
  });
}

/**
 * Returns the record with the index that its VF really has at its PF. Settings at the PF use this index, and a damaged
 * record could contain the index of another VF.
 */
export function located(node: Node, record: AttachmentRecord): AttachmentRecord {
  const { vf } = record;
  if (isPhysical(vf) || node.functions.isVirtualOf(vf)) return record;
  // The VF is gone, or is of another generation. Nothing will be set on it.
  if (node.functions.generation(vf.pci) !== vf.incarnation) return record;
  return { ...record, vf: node.functions.virtualFunction(vf.pci) };
}
