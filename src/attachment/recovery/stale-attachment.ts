import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import type { Step, StepContext } from "../context.ts";
import { requireEarlierBoot } from "../lock/earlier-boot.ts";
import type { Locks } from "../lock/locks.ts";
import { recordedNetns } from "../netns.ts";
import { type AttachmentRecord, changesGuid, type Desired, type Originals } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { deviceInfo } from "../steps/device-info.ts";
import { guid } from "../steps/guid.ts";
import { netInterface } from "../steps/interface.ts";
import { linkState } from "../steps/link-state.ts";
import { netdevSettings } from "../steps/netdev-settings.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { neededOf } from "../steps/step-order.ts";
import { isCurrent } from "../undo/has-vf.ts";
import { restoreAdminGuids } from "../vf/admin-guids.ts";
import { vfDriver } from "../vf/driver.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";

/** The previous attachment of a VF, which is orphaned and was not undone. */
export interface StaleAttachment {
  readonly path: string;
  readonly record: AttachmentRecord;
  /** Whether the VF is still of the generation that the attachment changed. If not, only the lease of it is left. */
  readonly current: boolean;
}

/**
 * Returns the stale attachment of a VF; `undefined` if the VF was released. The caller holds the VF's lock, so no other
 * call works on the VF.
 * @throws {CniError} if a running attachment has the VF, or may have it, because its record cannot be read.
 */
export function staleAttachmentOf(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  vf: VirtualFunction,
): StaleAttachment | undefined {
  const { owner } = locks;
  if (owner === undefined) return undefined;
  const stored = state.findAny(owner);
  if (stored?.unreadable !== undefined) {
    requireEarlierBoot(node, state, locks, vf.pci, owner, stored);
    locks.forgetOwner();
  }
  if (stored?.record === undefined || stored.record.vf.pci !== vf.pci) return undefined;
  const { path, record } = stored;
  const current = isCurrent(node, record, () => vf.incarnation);
  // A container whose VF has an external driver does not have the VF any more, running or not.
  if (current && record.state === "complete" && typeof vfDriver(node, record) === "string")
    requireOrphaned(node, record);
  return { path, record: current ? { ...record, vf } : record, current };
}

/**
 * @throws {CniError} if the container is running (code 101), or its virtual machine still has the VF open (code 11).
 */
function requireOrphaned(node: Node, record: AttachmentRecord): void {
  const { vf, containerId, ifname, netns, mode } = record;
  if (recordedNetns(node, record) !== undefined) {
    throw new CniError(
      codes.deviceInUse,
      `VF ${vf.pci} belongs to container ${containerId} (interface ${ifname}, ${netns}), ` +
        "which is running; delete that container first",
    );
  }
  if (mode === "vfio" && node.functions.isOpenByVfio(vf.pci)) {
    throw new CniError(
      codes.tryAgain,
      `VF ${vf.pci} belongs to container ${containerId}; its namespace ${netns} is gone, but a virtual machine still ` +
        "has the VF open (/dev/vfio)",
    );
  }
}

/**
 * Takes over from an orphaned attachment: moves the VF's devices to the host, and restores what the new attachment does
 * not set itself. Settings that the new attachment sets in any case, above all the GUIDs, stay as they are, and are set
 * only once.
 * @returns the originals, which the new attachment must restore in the end.
 * @throws {CniError} code 11 if the VF's netdev is in no namespace that this process can see.
 */
export function restoreForTakeOver(orphaned: StepContext, wanted: Desired): Originals {
  const { node, record } = orphaned;
  const undo = (...steps: readonly Step[]) => {
    for (const step of neededOf(orphaned, steps))
      orphaned.observe("undo", step.name, record, () => step.undo(orphaned));
  };
  const hasDriver = node.functions.driver(record.vf.pci) !== undefined;
  if (!hasDriver) undo(guid);
  // Before any rebind: a namespace that this process cannot find may still exist, with the netdev in it. The undo of
  // the interface then waits for the netdev, and fails; a rebind would take it from a running container.
  undo(rdmaDevice, netInterface);
  if (hasDriver && wanted.guid === undefined) {
    // A rebind gives the RDMA device a name that the kernel chooses.
    undo(guid, rdmaDevice);
  }
  undo(netdevSettings);
  const isKept = wanted.linkState === record.wanted.linkState && record.found.linkState !== undefined;
  if (!isKept) undo(linkState);
  undo(deviceInfo);
  if (hasDriver && wanted.guid !== undefined) withdrawGuid(orphaned, wanted.guid);
  return completed(orphaned);
}

/**
 * Removes an orphaned attachment's GUID from the PF if the new attachment gets another one. The VF runs with it until
 * then. So the PF never has a GUID for the VF that no record contains, however many ADDs in a row are killed.
 */
function withdrawGuid(orphaned: StepContext, next: Guid): void {
  const { wanted, found } = orphaned.record;
  if (wanted.guid !== next && changesGuid(wanted, found)) restoreAdminGuids(orphaned);
}

/**
 * Returns the originals of an orphaned attachment, completed by settings that it did not need to read. It has not
 * changed those.
 */
function completed({ node, record }: StepContext): Originals {
  const { found, wanted, vf } = record;
  if (found.linkState !== undefined) return found;
  const now = new PhysicalFunction(node, vf.pf, vf.index).vf;
  if (changesGuid(wanted, found)) return { ...found, linkState: now.linkState };
  return { ...found, linkState: now.linkState, adminNodeGuid: now.nodeGuid, adminPortGuid: now.portGuid };
}
