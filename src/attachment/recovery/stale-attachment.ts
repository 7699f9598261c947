import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import type { Step, StepContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { type Use, useOfAttachment, useText } from "../in-use/in-use.ts";
import { requireEarlierBoot } from "../lock/earlier-boot.ts";
import type { VfSession } from "../lock/locks.ts";
import { modeOf } from "../modes.ts";
import { recordedNetns } from "../netns.ts";
import { containerText } from "../record/container-text.ts";
import type { Desired } from "../record/desired.ts";
import { type AttachmentRecord, changesGuid, type Originals } from "../record/record.ts";
import { deviceInfo } from "../steps/device-info.ts";
import { guid } from "../steps/guid.ts";
import { netInterface } from "../steps/interface.ts";
import { linkState } from "../steps/link-state.ts";
import { netdevSettings } from "../steps/netdev-settings.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { isNeeded } from "../steps/steps.ts";
import { isCurrent } from "../undo/has-vf.ts";
import { restoreAdminGuids } from "../vf/admin-guids.ts";
import { vfDriver } from "../vf/driver.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";

/** The previous attachment of a VF, which is orphaned and was not undone. */
export interface StaleAttachment {
  readonly path: string;
  readonly record: AttachmentRecord;
  /** Whether the VF is still of the generation that the attachment changed. If not, only the lease of it is left. */
  readonly isCurrent: boolean;
}

/**
 * Returns the stale attachment of a VF; `undefined` if the VF was released. The caller holds the VF's lock, so no other
 * call works on the VF.
 * @throws {CniError} if a running attachment has the VF, or may have it, because its record cannot be read.
 */
export function findStaleAttachment(session: VfSession, vf: VirtualFunction): StaleAttachment | undefined {
  const { node, state, locks } = session;
  const { owner } = locks;
  if (owner === undefined) return undefined;
  const stored = state.findAny(owner);
  if (stored?.unreadable !== undefined) {
    requireEarlierBoot(session, vf.pci, owner, stored);
    locks.forgetOwner();
  }
  if (stored?.record === undefined || stored.record.vf.pci !== vf.pci) return undefined;
  const { path, record } = stored;
  const isSame = isCurrent(node, record, () => vf.generation);
  // A container whose VF has an external driver does not have the VF any more, running or not.
  if (isSame && typeof vfDriver(node, record) === "string") requireOrphaned(session, { ...record, vf });
  return { path, record: isSame ? { ...record, vf } : record, isCurrent: isSame };
}

/**
 * @throws {CniError} if the VF is in use, or may be (code 101); code 11 if a virtual machine still has the VF open.
 */
function requireOrphaned(session: VfSession, record: AttachmentRecord): void {
  const { vf, ifname, netns, state } = record;
  const containerNetns = recordedNetns(session.node, record);
  let use: Use | undefined;
  try {
    use = useOfAttachment(stepContextOf(session, record, containerNetns), { emptyNetns: "used" });
  } finally {
    // A namespace that a process holds open outlives its deletion, and keeps the VF's netdev where no search finds it.
    if (containerNetns !== undefined) session.node.namespaces.close(containerNetns);
  }
  if (use === undefined) return;
  const isEnding = containerNetns === undefined && !modeOf(record).hasRdmaDevices;
  throw new CniError(
    isEnding ? codes.tryAgain : codes.deviceInUse,
    `VF ${vf.pci} belongs to ${containerText(record)} (interface ${ifname}, ${netns}), ` +
      `which ${use.kind === "used" && state === "complete" ? "is running" : "may be running"}: ` +
      `${useText({ remedy: "delete that container first", ...use })}`,
  );
}

/**
 * Takes over from an orphaned attachment: moves the VF's devices to the host, and restores what the new attachment does
 * not set itself. Settings that the new attachment sets in any case, above all the GUIDs, stay as they are, and are set
 * only once.
 * @returns the originals, which the new attachment must restore in the end.
 * @throws {CniError} code 11 if the VF's netdev is in no namespace that this process can see.
 */
export function restoreForTakeOver(orphaned: StepContext, desired: Desired): Originals {
  const { node, record } = orphaned;
  const undo = (...steps: readonly Step[]) => {
    for (const step of steps.filter((each) => isNeeded(orphaned, each)))
      orphaned.observe("undo", step.name, record, () => step.undo(orphaned));
  };
  const hasDriver = node.functions.driver(record.vf.pci) !== undefined;
  if (!hasDriver) undo(guid);
  // Before any rebind: a namespace that this process cannot find may still exist, with the netdev in it. The undo of
  // the interface then waits for the netdev, and fails; a rebind would take it from a running container.
  undo(rdmaDevice, netInterface);
  if (hasDriver && desired.guid === undefined) {
    // A rebind gives the RDMA device a name that the kernel chooses.
    undo(guid, rdmaDevice);
  }
  undo(netdevSettings);
  const isKept = desired.linkState === record.desired.linkState && record.originals.linkState !== undefined;
  if (!isKept) undo(linkState);
  undo(deviceInfo);
  if (hasDriver && desired.guid !== undefined) withdrawGuid(orphaned, desired.guid);
  return completed(orphaned, desired);
}

/**
 * Removes an orphaned attachment's GUID from the PF if the new attachment gets another one. The VF runs with it until
 * then. So the PF never has a GUID for the VF that no record contains, however many ADDs in a row are killed.
 */
function withdrawGuid(orphaned: StepContext, next: Guid): void {
  const { desired, originals } = orphaned.record;
  if (desired.guid !== next && changesGuid(desired, originals)) restoreAdminGuids(orphaned);
}

/**
 * Returns the originals of an orphaned attachment, completed by settings that it did not need to read. It has not
 * changed those. A link policy that the administrator has set since is the original one for the new attachment.
 * @param next the settings of the new attachment.
 */
function completed({ node, record, vfConfig }: StepContext, next: Desired): Originals {
  const { originals, desired, vf } = record;
  if (originals.linkState !== undefined) {
    const before = next.linkState === undefined ? undefined : vfConfig().linkState;
    return before === undefined || before === desired.linkState
      ? originals
      : { ...originals, linkState: before };
  }
  const now = new PhysicalFunction(node, vf.pf, vf.index).vf;
  if (changesGuid(desired, originals)) return { ...originals, linkState: now.linkState };
  return { ...originals, linkState: now.linkState, adminNodeGuid: now.nodeGuid, adminPortGuid: now.portGuid };
}
