import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { deferRelease } from "../ipam/pending-releases.ts";
import type { Locks } from "../lock/locks.ts";
import { recordedNetns } from "../netns.ts";
import { releaseGuidNotes } from "../record/guid-note.ts";
import { type AttachmentRecord, type Desired, isNamed, type Originals } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { VerbRequest } from "../requests.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { combineErrors, undoAll, undoForExternalDriver } from "../undo/undo-all.ts";
import { externalDriver } from "../vf/driver.ts";
import { restoreForTakeOver, type StaleAttachment } from "./stale-attachment.ts";

/** What a new attachment of a VF takes over from a dead one. */
export interface TakenOver {
  /** undefined: nothing that the dead one changed is on the VF any more. */
  readonly originals: Originals | undefined;
  /** Its record, for the lease that it owes; undefined where it owes none. */
  readonly owing: { readonly path: string; readonly record: AttachmentRecord } | undefined;
}

/**
 * Settles what a dead attachment left on the VF. Killed in the middle of this, the dead one is still the
 * owner, and all of it is done once more.
 *
 * Of an attachment of the same name (a runtime that calls ADD again) nothing is adopted: an IPAM plugin would
 * refuse a second lease, so the first is released, and then all the rest can be put back as well. Nor of one whose
 * VF went to a virtual machine, or had no netdev.
 */
export function takeOverStale(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  call: VerbRequest,
  wanted: Desired,
  estate: StaleAttachment,
): TakenOver {
  const { record, path, current } = estate;
  const dead = stepContextOf(node, record, recordedNetns(node, record), locks, call);
  call.warn(
    `container ${record.containerId} left VF ${record.vf.pci} behind (${record.state}); it is taken over`,
  );
  settlePredecessor(state, locks, record);
  // The new attachment takes the VF as another driver has it, but not the GUID of a terminated container.
  const external = current ? externalDriver(dead) : undefined;
  if (external !== undefined) undoForExternalDriver(dead, external, "set");
  const isHeld = current && external === undefined;
  if (!isNamed(record, call.name) && record.mode === undefined) {
    return { originals: isHeld ? restoreForTakeOver(dead, wanted) : undefined, owing: { path, record } };
  }
  // Before any rebind, as adopt() does it: a namespace that cannot be seen may live, with the devices in it.
  if (isHeld && record.mode === "rdma") {
    call.observe("undo", rdmaDevice.name, record, () => rdmaDevice.undo(dead));
  }
  const failure = combineErrors(
    `what an earlier ADD of container ${record.containerId} changed cannot be put back`,
    undoAll(dead, isHeld),
  );
  if (failure !== undefined) throw failure;
  releaseGuidNotes(state, record);
  state.remove(path);
  return { originals: undefined, owing: undefined };
}

/** The dead one had taken the VF over itself, and was killed before the record of who had it before was put aside. */
function settlePredecessor(state: StateDirectory, locks: Locks, { vf }: AttachmentRecord): void {
  const { predecessor } = locks;
  const stored = predecessor && state.find(predecessor);
  const record = stored?.record;
  if (stored === undefined || record?.vf.pci !== vf.pci) return;
  attempt("put a dead attachment's record aside", () => deferRelease(state, locks, stored.path, record));
}
