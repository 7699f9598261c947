import type { Node } from "../node/node.ts";
import { attachmentOf } from "./attachment-of.ts";
import type { Call } from "./call.ts";
import { recordedContainer } from "./container.ts";
import { adopt, type Estate } from "./estate.ts";
import { attempt } from "./failure.ts";
import { releaseGuid } from "./guid-holder.ts";
import type { Locks } from "./locks.ts";
import { parkLease } from "./owed-leases.ts";
import { type AttachmentRecord, isNamed, type Originals, type Wanted } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";
import { rdmaDevice } from "./steps/rdma-device.ts";
import { combined, undoAll, withdrawFrom } from "./undo.ts";
import { externalDriver } from "./vf-driver.ts";

/** What a new attachment of a VF takes over from a dead one. */
export interface Inheritance {
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
export function inherit(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  call: Call,
  wanted: Wanted,
  estate: Estate,
): Inheritance {
  const { record, path, current } = estate;
  const dead = attachmentOf(node, record, recordedContainer(node, record), locks, call);
  call.warn(
    `container ${record.containerId} left VF ${record.vf.pci} behind (${record.state}); it is taken over`,
  );
  settlePredecessor(state, locks, record);
  // The new attachment takes the VF as another driver has it, but not the GUID of a terminated container.
  const external = current ? externalDriver(dead) : undefined;
  if (external !== undefined) withdrawFrom(dead, external, "set");
  const isHeld = current && external === undefined;
  if (!isNamed(record, call.name) && record.mode === undefined) {
    return { originals: isHeld ? adopt(dead, wanted) : undefined, owing: { path, record } };
  }
  // Before any rebind, as adopt() does it: a namespace that cannot be seen may live, with the devices in it.
  if (isHeld && record.mode === "rdma") {
    call.observe("undo", rdmaDevice.name, record, () => rdmaDevice.undo(dead));
  }
  const failure = combined(
    `what an earlier ADD of container ${record.containerId} changed cannot be put back`,
    undoAll(dead, isHeld),
  );
  if (failure !== undefined) throw failure;
  releaseGuid(state, record);
  state.remove(path);
  return { originals: undefined, owing: undefined };
}

/** The dead one had taken the VF over itself, and was killed before the record of who had it before was put aside. */
function settlePredecessor(state: StateDirectory, locks: Locks, { vf }: AttachmentRecord): void {
  const { predecessor } = locks;
  const stored = predecessor && state.find(predecessor);
  const record = stored?.record;
  if (stored === undefined || record?.vf.pci !== vf.pci) return;
  attempt("put a dead attachment's record aside", () => parkLease(state, locks, stored.path, record));
}
