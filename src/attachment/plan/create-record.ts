import { CniError, codes } from "../../cni/errors.ts";
import { isPhysical } from "../../node/pci-functions.ts";
import type { AddContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import type { OwnGuids } from "../lock/lock-contents.ts";
import type { VfSession } from "../lock/locks.ts";
import { confirmOwnGuid, ownGuids } from "../lock/own-guids.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import type { Orphan } from "../restore/orphan.ts";
import type { AddSession } from "./add-session.ts";
import type { Plan } from "./plan.ts";

/**
 * Refuses an attachment that exists already, of this plugin or of the Go plugin. The record of an orphan of
 * the VF may have the name: it is undone.
 * @throws {CniError} code 4 if another record has the name.
 */
export function refuseTakenName({ state, request: { name } }: AddSession, orphan: Orphan | undefined): void {
  const stored = state.findAny(name);
  if (stored === undefined || stored.path === orphan?.path) return;
  if (stored.unreadable === undefined) throw alreadyAttached(name);
  throw new CniError(
    codes.badEnvironment,
    `CNI_CONTAINERID ${name.containerId} may have an attachment ${name.ifname} (CNI_IFNAME) already: the record ` +
      `${stored.path} cannot be read: ${stored.unreadable.reason}; ib-sriov doctor names what to do`,
  );
}

/**
 * Writes the record of an attachment, before any change. From then on, a later call finds the record, and the originals
 * in it.
 * @throws {CniError} code 4 if another call has just written a record of that name.
 */
export function createRecord(session: AddSession, plan: Plan): AddContext {
  const { node, request, vf, pf, containerNetns } = session;
  const { record, netdev, effective } = plan;
  // Without ib_ipoib, a PF has no netdev. An attachment of a VF without a netdev that keeps its settings can do without.
  const pfName = isPhysical(vf) ? "" : record.kind === "rdma" ? (pf.linkIfAny?.name ?? "") : pf.link.name;
  const path = claimVf(session, record, ownGuids(record, effective), pfName);
  return {
    ...stepContextOf(session, record, containerNetns),
    path,
    pf: () => pf.link,
    reply: request.reply,
    rollbackTime: request.rollbackTime,
    effective,
    netdev,
    netdevIn: node.namespaces.host,
    result: undefined,
  };
}

/**
 * Makes an attachment the owner of its VF, and writes its record.
 * @param guids the VF's own GUIDs, if the attachment gives it others.
 * @param pfName name of the PF's netdev; "" if it has no netdev.
 * @returns the path of the record.
 * @throws {CniError} code 4 if a record of that name exists.
 */
export function claimVf(
  { state, locks }: VfSession,
  record: AttachmentRecord,
  guids: OwnGuids | undefined,
  pfName: string,
): string {
  const { containerId, ifname } = record;
  confirmOwnGuid(locks, record);
  locks.claim({ containerId, ifname }, guids);
  let path: string | undefined;
  try {
    path = state.create(record, pfName);
  } finally {
    // If that fails, the VF's previous owner stays its owner.
    if (path === undefined) locks.withdrawClaim();
  }
  if (path === undefined) throw alreadyAttached(record);
  return path;
}

function alreadyAttached({ containerId, ifname }: AttachmentName): CniError {
  return new CniError(
    codes.badEnvironment,
    `CNI_CONTAINERID ${containerId} has an attachment ${ifname} (CNI_IFNAME) already; it must be detached (DEL) first`,
  );
}
