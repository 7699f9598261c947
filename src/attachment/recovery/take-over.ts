import { stepContextOf } from "../context-of.ts";
import { deferRelease } from "../ipam/pending-lease-releases.ts";
import type { VfSession } from "../lock/locks.ts";
import { modeOf } from "../modes.ts";
import { recordedNetns } from "../netns.ts";
import type { Desired } from "../record/desired.ts";
import { releaseGuidNotes } from "../record/guid-notes.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "../record/record.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { combineErrors, undoAll, undoForExternalDriver } from "../undo/undo-all.ts";
import { externalDriver } from "../vf/driver.ts";
import { restoreForTakeOver, type StaleAttachment } from "./stale-attachment.ts";

/** The result of a takeover. */
export interface Takeover {
  /**
   * The originals, and the stale GUIDs, that the new attachment records; `undefined` if the VF has no setting of the
   * orphaned attachment any more.
   */
  readonly recorded: Pick<AttachmentRecord, "originals" | "staleGuids"> | undefined;
  /** The record of the orphaned attachment, if its lease is still to be released. */
  readonly pending: { readonly path: string; readonly record: AttachmentRecord } | undefined;
}

/**
 * Takes over the VF of a stale attachment. If this is killed, the orphaned attachment is still the owner of the VF, and
 * the next ADD does all of it again.
 *
 * From an attachment of the same name (the runtime calls ADD again) nothing is taken over: an IPAM plugin would refuse
 * a second lease, so the first lease is released, and then everything else can be restored as well. The same holds for
 * an attachment whose VF was in a virtual machine, or had no netdev.
 * @param name the new attachment.
 */
export function takeOverStale(
  session: VfSession,
  name: AttachmentName,
  desired: Desired,
  stale: StaleAttachment,
): Takeover {
  const { record, path, isCurrent } = stale;
  const orphaned = stepContextOf(session, record, recordedNetns(session.node, record));
  session.warn(
    `VF ${record.vf.pci} has an orphaned attachment of container ${record.containerId} (its record is ` +
      `${record.state}); it is taken over`,
  );
  deferPredecessorRelease(session, record);
  // An external driver's VF goes to the new attachment with that driver, but without the terminated container's GUID.
  const external = isCurrent ? externalDriver(orphaned) : undefined;
  if (external !== undefined) undoForExternalDriver(orphaned, external, "set");
  const isHeld = isCurrent && external === undefined;
  const { hasNetdev, hasRdmaDevices } = modeOf(record);
  if (!isNamed(record, name) && hasNetdev) {
    const originals = isHeld ? restoreForTakeOver(orphaned, desired) : undefined;
    return { recorded: originals && { ...record, originals }, pending: { path, record } };
  }
  // Before any rebind, for the same reason as in restoreForTakeOver.
  if (isHeld && !hasNetdev && hasRdmaDevices) {
    session.observe("undo", rdmaDevice.name, record, () => rdmaDevice.undo(orphaned));
  }
  const failure = combineErrors(
    `the changes of an earlier ADD of container ${record.containerId} could not be undone`,
    undoAll(orphaned, { isHeld }),
  );
  if (failure !== undefined) throw failure;
  releaseGuidNotes(session.state, record);
  session.state.remove(path);
  return { recorded: undefined, pending: undefined };
}

/**
 * Completes a takeover, after the record of the new attachment is written: defers the release of the orphaned
 * attachment's lease, and makes the new attachment the only owner of the VF.
 */
export function completeTakeOver(
  session: VfSession,
  { containerId, ifname }: AttachmentName,
  takeover: Takeover | undefined,
): void {
  const pending = takeover?.pending;
  if (pending !== undefined) deferRelease(session, pending.path, pending.record);
  session.locks.setOwner({ containerId, ifname });
}

/**
 * Defers the release of the predecessor's lease: the orphaned attachment had itself taken the VF over, and was killed
 * before it did so.
 */
function deferPredecessorRelease(session: VfSession, { vf }: AttachmentRecord): void {
  const { state, locks } = session;
  const stored = locks.predecessor && state.find(locks.predecessor);
  const record = stored?.record;
  if (stored !== undefined && record?.vf.pci === vf.pci) deferRelease(session, stored.path, record);
}
