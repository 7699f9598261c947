import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { combineErrors } from "../errors.ts";
import { type Use, useOfAttachment, useText } from "../in-use/in-use.ts";
import { deferRelease } from "../ipam/unreleased-leases.ts";
import { requireEarlierBoot } from "../lock/earlier-boot.ts";
import type { VfSession } from "../lock/locks.ts";
import { hasRecordedNetns, recordedNetns } from "../netns.ts";
import { containerText } from "../record/container-text.ts";
import type { Desired } from "../record/desired.ts";
import { releaseGuidNotes } from "../record/guid-notes.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import {
  type AttachmentName,
  type AttachmentRecord,
  changesGuid,
  isNamed,
  type Originals,
} from "../record/record.ts";
import { guid } from "../steps/guid.ts";
import { linkState } from "../steps/link-state.ts";
import { foreignDriver, vfDriver } from "../vf/foreign-driver.ts";
import { isCurrent } from "../vf/owns-vf.ts";
import { restore } from "./restore.ts";

/** The attachment to which a VF belongs, whose container has ended, and which was not detached. */
export interface Orphan {
  readonly path: string;
  readonly record: AttachmentRecord;
  /** Whether the VF is still of the generation that the attachment changed. If not, only the lease of it is left. */
  readonly isCurrent: boolean;
}

/** The originals, in the record of an orphan, of settings that stay on the VF, because the next attachment has the same. */
export interface KeptOriginals extends Pick<AttachmentRecord, "staleGuids"> {
  /** The VF's own GUIDs, if it runs with the GUID of the orphan. */
  readonly guids: GuidPair | undefined;
  /** The settings that the PF had for the VF. */
  readonly originals: Partial<Originals>;
}

/**
 * Returns the orphan that has a VF; `undefined` if the VF was detached, or its container has lost it ({@link hasLostVf}).
 * The caller holds the VF's lock, so no other call works on the VF.
 * @param next the attachment that gets the VF. An ADD that the runtime repeats replaces its own attachment.
 * @throws {CniError} if a running attachment has the VF, or may have it, because its record cannot be read.
 */
export function findOrphan(
  session: VfSession,
  vf: VirtualFunction,
  next: AttachmentName,
): Orphan | undefined {
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
  if (!isNamed(record, next) && hasLostVf(node, record, vf.generation)) return undefined;
  const isSame = isCurrent(node, record, () => vf.generation);
  // A container whose VF has a foreign driver does not have the VF any more, running or not.
  if (isSame && typeof vfDriver(node, record) === "string") requireEnded(session, { ...record, vf });
  return { path, record: isSame ? { ...record, vf } : record, isCurrent: isSame };
}

/**
 * Reports whether a container is running without the VF of its attachment, because the VF was created again. Its record
 * and its lease stay until its own DEL, so that `ib-sriov attachments` and the metrics show what the pod has lost.
 */
function hasLostVf(node: Node, record: AttachmentRecord, generation: string): boolean {
  if (record.state !== "complete" || record.bootId !== node.clock.bootId()) return false;
  return record.vf.generation !== generation && hasRecordedNetns(node, record);
}

/**
 * @throws {CniError} if the VF is in use, or may be (code 101); code 11 if a virtual machine still has the VF open.
 */
function requireEnded(session: VfSession, record: AttachmentRecord): void {
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
  const isEnding = containerNetns === undefined && !propertiesOf(record).hasRdmaDevices;
  throw new CniError(
    isEnding ? codes.tryAgain : codes.deviceInUse,
    `VF ${vf.pci} belongs to ${containerText(record)} (interface ${ifname}, ${netns}), ` +
      `which ${use.kind === "used" && state === "complete" ? "is running" : "may be running"}: ` +
      `${useText({ remedy: "delete that container first", ...use })}`,
  );
}

/**
 * Restores the VF of an orphan for the next attachment. A setting of the PF that both have stays, so that an ADD that is
 * repeated after a kill does not rebind the VF twice. Its record stays, too, until the next attachment has one
 * ({@link forgetOrphan}): a call that is killed in between is repeated.
 *
 * Only an orphan without a netdev, or with the name of the next attachment (the runtime calls ADD again), is forgotten at
 * once: an IPAM plugin would refuse a second lease of that name, so the lease is released first.
 * @param name, desired the next attachment.
 * @returns the originals that the record of the next attachment needs; `undefined` if nothing of the orphan is on the VF.
 */
export function restoreOrphan(
  session: VfSession,
  { path, record, isCurrent }: Orphan,
  name: AttachmentName,
  desired: Desired,
): KeptOriginals | undefined {
  const orphaned = stepContextOf(session, record, recordedNetns(session.node, record));
  session.warn(
    `VF ${record.vf.pci} has an orphaned attachment of container ${record.containerId} (its record is ` +
      `${record.state}); it is restored`,
  );
  deferPredecessorRelease(session, record);
  const isLast = isForgottenAtOnce(record, name);
  const kept = isCurrent && !isLast ? keptSteps(orphaned, desired) : [];
  const originals = keptOriginals(orphaned, kept);
  const failure = combineErrors(
    `the changes of an earlier ADD of container ${record.containerId} could not be undone`,
    restore(orphaned, { ownsVf: isCurrent, next: { kept, takesLease: !isLast } }),
  );
  if (failure !== undefined) throw failure;
  if (isLast) {
    releaseGuidNotes(session.state, record);
    session.state.remove(path);
  }
  return originals;
}

/**
 * Forgets an orphan, after the record of the next attachment is written: its lease is left to be released later,
 * and the next attachment becomes the only owner of the VF.
 */
export function forgetOrphan(
  session: VfSession,
  { containerId, ifname }: AttachmentName,
  orphan: Orphan | undefined,
): void {
  if (orphan !== undefined && !isForgottenAtOnce(orphan.record, { containerId, ifname }))
    deferRelease(session, orphan.path, orphan.record);
  session.locks.setOwner({ containerId, ifname });
}

function isForgottenAtOnce(record: AttachmentRecord, name: AttachmentName): boolean {
  return isNamed(record, name) || !propertiesOf(record).hasNetdev;
}

/** Returns the steps of an orphan whose settings of the PF stay. */
function keptSteps(orphaned: StepContext, next: Desired): readonly Step[] {
  const { node, record } = orphaned;
  const { desired, originals } = record;
  // A VF without a driver is bound, with its own GUIDs; and one with a foreign driver gets none of the container's.
  if (node.functions.driver(record.vf.pci) === undefined || foreignDriver(orphaned) !== undefined) return [];
  const keepsGuid = desired.guid === next.guid && changesGuid(desired, originals);
  const keepsLinkState = desired.linkState !== undefined && desired.linkState === next.linkState;
  return [...(keepsGuid ? [guid] : []), ...(keepsLinkState ? [linkState] : [])];
}

/**
 * Returns the originals of the settings that stay. A link policy that the administrator has set since is the original one
 * for the next attachment.
 */
function keptOriginals({ record, vfConfig }: StepContext, kept: readonly Step[]): KeptOriginals | undefined {
  if (kept.length === 0) return undefined;
  const { originals, desired, staleGuids } = record;
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid } = originals;
  const isGuidKept = kept.includes(guid);
  const linkStateNow = kept.includes(linkState) ? vfConfig().linkState : undefined;
  const isOthers = linkStateNow !== undefined && linkStateNow !== desired.linkState;
  return {
    guids: isGuidKept ? { node: nodeGuid, port: portGuid } : undefined,
    originals: {
      ...(isGuidKept ? { adminNodeGuid, adminPortGuid } : {}),
      ...(kept.includes(linkState) ? { linkState: isOthers ? linkStateNow : originals.linkState } : {}),
    },
    staleGuids: isGuidKept ? staleGuids : undefined,
  };
}

/**
 * Defers the release of the predecessor's lease: the orphan had itself been given the VF of an orphan, and was killed
 * before it deferred that.
 */
function deferPredecessorRelease(session: VfSession, { vf }: AttachmentRecord): void {
  const { node, state, locks } = session;
  const stored = locks.predecessor && state.find(locks.predecessor);
  const record = stored?.record;
  if (stored === undefined || record?.vf.pci !== vf.pci || hasLostVf(node, record, vf.generation)) return;
  deferRelease(session, stored.path, record);
}
