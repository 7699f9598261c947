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
import { neededOf } from "../steps/all-steps.ts";
import { deviceInfo } from "../steps/device-info.ts";
import { guid } from "../steps/guid.ts";
import { netInterface } from "../steps/interface.ts";
import { linkState } from "../steps/link-state.ts";
import { netdevSettings } from "../steps/netdev-settings.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { isCurrent } from "../undo/ownership.ts";
import { restoreAdminGuids } from "../vf/admin-guids.ts";
import { vfDriver } from "../vf/driver.ts";
import { PhysicalFunction } from "../vf/function.ts";

/** What an attachment that died left behind on a VF. */
export interface StaleAttachment {
  readonly path: string;
  readonly record: AttachmentRecord;
  /** Is the VF still the one that it changed? Otherwise only its lease is left of it. */
  readonly current: boolean;
}

/**
 * Who had the VF before, where nobody gave it back. The VF's lock is held, so nobody is at work on it.
 * @throws {CniError} where a living attachment has it, or may have: also one whose record cannot be read.
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
  // A container whose VF another driver has does not have it any more, running or not.
  if (current && record.state === "complete" && typeof vfDriver(node, record) === "string")
    requireDead(node, record);
  return { path, record: current ? { ...record, vf } : record, current };
}

/** @throws {CniError} where the attachment lives, or its virtual machine has not let go of the VF yet (code 11). */
function requireDead(node: Node, record: AttachmentRecord): void {
  const { vf, containerId, ifname, netns, mode } = record;
  if (recordedNetns(node, record) !== undefined) {
    throw new CniError(
      codes.deviceInUse,
      `VF ${vf.pci} belongs to container ${containerId} (interface ${ifname}, ${netns}), ` +
        "which is alive; it must be detached first",
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
 * Takes over what a dead attachment changed: brings the VF's devices home and puts back what the new one does
 * not set itself. What it sets anyway, the GUIDs above all, is left as it is and set once.
 * @returns the originals, which are now the new attachment's to put back.
 * @throws {CniError} code 11 where the VF's netdev is nowhere that we can see.
 */
export function restoreForTakeOver(dead: StepContext, wanted: Desired): Originals {
  const { node, record } = dead;
  const undo = (...steps: readonly Step[]) => {
    for (const step of neededOf(dead, steps)) dead.observe("undo", step.name, record, () => step.undo(dead));
  };
  const hasDriver = node.functions.driver(record.vf.pci) !== undefined;
  if (!hasDriver) undo(guid);
  // Before any rebind: a namespace that is gone to us may still live where we cannot see it, with the netdev
  // in it. This waits for it then, and gives up; a rebind would tear it out of a living container.
  undo(rdmaDevice, netInterface);
  if (hasDriver && wanted.guid === undefined) {
    // A rebind gives the RDMA device a name of the kernel's.
    undo(guid, rdmaDevice);
  }
  undo(netdevSettings);
  const isKept = wanted.linkState === record.wanted.linkState && record.found.linkState !== undefined;
  if (!isKept) undo(linkState);
  undo(deviceInfo);
  if (hasDriver && wanted.guid !== undefined) withdrawGuid(dead, wanted.guid);
  return completed(dead);
}

/**
 * Takes an orphaned attachment's GUID off the PF, if the new one gets another. What the VF runs with stays until then,
 * and so the PF never has a GUID on file that no record names, however many ADDs in a row are killed.
 */
function withdrawGuid(dead: StepContext, next: Guid): void {
  const { wanted, found } = dead.record;
  if (wanted.guid !== next && changesGuid(wanted, found)) restoreAdminGuids(dead);
}

/** The originals of a dead attachment, with those that it had no need to ask for. It has not changed them. */
function completed({ node, record }: StepContext): Originals {
  const { found, wanted, vf } = record;
  if (found.linkState !== undefined) return found;
  const now = new PhysicalFunction(node, vf.pf, vf.index).vf;
  if (changesGuid(wanted, found)) return { ...found, linkState: now.linkState };
  return { ...found, linkState: now.linkState, adminNodeGuid: now.nodeGuid, adminPortGuid: now.portGuid };
}
