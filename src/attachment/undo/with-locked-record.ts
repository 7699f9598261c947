import type { Node } from "../../node/node.ts";
import { isPhysical } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { Locks } from "../lock/locks.ts";
import { recordedNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";

/** How long somebody who is at work on a VF is waited for, ms: whoever it is will clean up, or has the VF. */
const patience = 5000;

/**
 * Does something about an attachment, whose runtime has not called us, under the lock of its VF.
 * @param verb what the lock's note says of us, e.g. "GC of network n".
 * @param read the record; undefined where there is none, or none that is meant. It is read again under the lock.
 * @throws {CniError} code 11 where the lock is held for too long, naming the holder.
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
  const deadline = Math.min(node.clock.now() + patience, limits.deadline);
  const locks = new Locks(node, state, { ...limits, deadline }, verb);
  attempt(`lock VF ${pci}`, () => locks.acquireVf(pci));
  try {
    // What was read without the lock may be history by now.
    const now = readRecord();
    if (now?.vf.pci !== pci) return;
    const record = attempt(`find VF ${pci} at its PF`, () => located(node, now));
    const pod = attempt(`look for the network namespace ${record.netns}`, () => recordedNetns(node, record));
    action(stepContextOf(node, record, pod, locks, limits));
  } finally {
    locks.release();
  }
}

/**
 * The record, with the place that its VF really has at its PF: what is set through the PF goes by that index, and a
 * damaged record could name another VF's.
 */
export function located(node: Node, record: AttachmentRecord): AttachmentRecord {
  const { vf } = record;
  if (isPhysical(vf) || node.functions.isVirtualOf(vf)) return record;
  // Of a VF that is gone, or was made anew, nothing is set.
  if (node.functions.generation(vf.pci) !== vf.incarnation) return record;
  return { ...record, vf: node.functions.virtualFunction(vf.pci) };
}
