import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { deferRelease } from "../ipam/pending-releases.ts";
import type { Locks } from "../lock/locks.ts";
import { recordedNetns } from "../netns.ts";
import { releaseGuidNotes } from "../record/guid-reservation.ts";
import { type AttachmentRecord, type Desired, isNamed, type Originals } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { VerbRequest } from "../requests.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { combineErrors, undoAll, undoForExternalDriver } from "../undo/undo-all.ts";
import { externalDriver } from "../vf/driver.ts";
import { restoreForTakeOver, type StaleAttachment } from "./stale-attachment.ts";

/** The result of a takeover. */
export interface TakenOver {
  /** `undefined` if the VF has no setting of the orphaned attachment any more. */
  readonly originals: Originals | undefined;
  /** The record of the orphaned attachment, if its lease is still to be released. */
  readonly owing: { readonly path: string; readonly record: AttachmentRecord } | undefined;
}

/**
 * Takes over the VF of a stale attachment. If this is killed, the orphaned attachment is still the owner of the VF, and
 * the next ADD does all of it again.
 *
 * From an attachment of the same name (the runtime calls ADD again) nothing is taken over: an IPAM plugin would refuse
 * a second lease, so the first lease is released, and then everything else can be restored as well. The same holds for
 * an attachment whose VF was in a virtual machine, or had no netdev.
 */
export function takeOverStale(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  call: VerbRequest,
  wanted: Desired,
  stale: StaleAttachment,
): TakenOver {
  const { record, path, current } = stale;
  const orphaned = stepContextOf(node, record, recordedNetns(node, record), locks, call);
  call.warn(
    `VF ${record.vf.pci} has an orphaned attachment of container ${record.containerId} (its record is ` +
      `${record.state}); it is taken over`,
  );
  deferPredecessorRelease(state, locks, record);
  // An external driver's VF goes to the new attachment with that driver, but without the terminated container's GUID.
  const external = current ? externalDriver(orphaned) : undefined;
  if (external !== undefined) undoForExternalDriver(orphaned, external, "set");
  const isHeld = current && external === undefined;
  if (!isNamed(record, call.name) && record.mode === undefined) {
    return { originals: isHeld ? restoreForTakeOver(orphaned, wanted) : undefined, owing: { path, record } };
  }
  // Before any rebind, for the same reason as in restoreForTakeOver.
  if (isHeld && record.mode === "rdma") {
    call.observe("undo", rdmaDevice.name, record, () => rdmaDevice.undo(orphaned));
  }
  const failure = combineErrors(
    `the changes of an earlier ADD of container ${record.containerId} could not be undone`,
    undoAll(orphaned, isHeld),
  );
  if (failure !== undefined) throw failure;
  releaseGuidNotes(state, record);
  state.remove(path);
  return { originals: undefined, owing: undefined };
}

/**
 * Defers the release of the predecessor's lease: the orphaned attachment had itself taken the VF over, and was killed
 * before it did so.
 */
function deferPredecessorRelease(state: StateDirectory, locks: Locks, { vf }: AttachmentRecord): void {
  const { predecessor } = locks;
  const stored = predecessor && state.find(predecessor);
  const record = stored?.record;
  if (stored === undefined || record?.vf.pci !== vf.pci) return;
  attempt("set the record of an orphaned attachment aside", () =>
    deferRelease(state, locks, stored.path, record),
  );
}
