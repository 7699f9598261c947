import { emptyDns } from "../../cni/result.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import { attempt } from "../errors.ts";
import { requireUnused, useElsewhere, useOfFreeVf } from "../in-use/in-use.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import { rollbackTimeOf } from "../limits.ts";
import type { OwnGuids } from "../lock/lock-contents.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { type AddSession, openAddSession, recoverOwnGuids, restoreOrphanFor } from "../plan/add-session.ts";
import { chooseGuid, newDerivedGuid } from "../plan/choose-guid.ts";
import { createRecord, refuseTakenName } from "../plan/create-record.ts";
import { makePlan, type Plan } from "../plan/plan.ts";
import { recordedGuids } from "../plan/recorded-guids.ts";
import { reserveGuids } from "../plan/reserve-guid.ts";
import { thoroughGuidSearch } from "../plan/taken-guids.ts";
import type { AddRequest } from "../requests.ts";
import { detach } from "../restore/detach.ts";
import { findOrphan, forgetOrphan, type Orphan } from "../restore/orphan.ts";
import { rollBack } from "../restore/rollback.ts";
import { adminGuid } from "../steps/admin-guid.ts";
import { guid } from "../steps/guid.ts";
import { desiredGuids } from "../vf/admin-guids.ts";
import { effectiveGuids } from "../vf/effective-guids.ts";
import { functionAt } from "../vf/pci-function.ts";
import { BIND_CONTAINER } from "./bind.ts";

/** The container ID in the record of a VF while it is provisioned. */
const CONTAINER = "provision";

/** The GUID of a VF after `provision`. */
export interface ProvisionOutcome {
  readonly guid: Guid | undefined;
  /** Whether the VF had another GUID before, or none. */
  readonly isNew: boolean;
}

/** How `provision` chooses the GUID of a VF. */
export interface ProvisionOptions {
  /** Whether the VF gets a new GUID even if it has one, for example because another device has the same. */
  readonly replace: boolean;
  /** GUIDs of other devices of the node, which the VF does not get. */
  readonly taken: readonly Guid[];
}

/**
 * Puts the administrative GUID of a free VF into effect, if it is not; otherwise, if the VF has no GUID, the one
 * that `"guid": "auto"` derives for it. So no pod waits for the rebind. It is the beginning and the end of an attachment
 * without a container: with the same plan, steps and record, so that a later call completes it after a kill. The GUID
 * stays; all other settings are as before.
 * @throws {CniError} if a running container has the VF (code 101), or a step failed.
 */
export function provision(session: Session, pci: string, options: ProvisionOptions): ProvisionOutcome {
  return attempt(`assign a GUID to VF ${pci}`, () => {
    const vf = functionAt(session.node, pci);
    return withVfLock(session, pci, `provision of VF ${pci}`, (locked) => {
      const request = requestFor(session, pci, hasNoNetdev(locked, vf) || undefined);
      const adding = openAddSession(
        { ...locked, deadline: request.deadline },
        request,
        vf,
        session.node.namespaces.host,
      );
      const orphan = findOrphan(adding, vf, request.name);
      if (orphan?.isCurrent !== true) requireUnused(pci, useElsewhere(session.node, pci));
      refuseTakenName(adding, orphan);
      const noted = recoverOwnGuids(adding, orphan);
      const { guid: chosen, ownGuids } = choose(adding, orphan, noted, options);
      const kept = restoreOrphanFor(adding, orphan, { guid: chosen });
      const plan = makePlan(adding, { guid: chosen }, kept, ownGuids);
      // Only now, because it reads all processes: a VF that keeps its GUID is not rebound.
      if (outcomeOf(plan).isNew) requireUnused(pci, useOfFreeVf(adding, pci));
      const attachment = { ...createRecord(adding, plan), containerNetns: undefined };
      try {
        forgetOrphan(attachment, request.name, orphan);
        reserveGuids(attachment);
        (propertiesOf(plan.record).hasRdmaDevices ? guid : adminGuid).apply(attachment);
      } catch (error) {
        throw rollBack(attachment, error);
      }
      detach(attachment, attachment.path);
      releaseLeasesOf(attachment, pci);
      return outcomeOf(plan);
    });
  });
}

function outcomeOf({ record, effective }: Plan): ProvisionOutcome {
  const target = desiredGuids(record);
  if (target === undefined) return { guid: effective.port, isNew: false };
  return { guid: target.port, isNew: effective.node !== target.node || effective.port !== target.port };
}

/**
 * Chooses the GUID of a VF.
 * @param noted the VF's own GUIDs, as its lock file has them.
 * @returns the derived GUID, and the VF's own GUIDs, which come into effect if no GUID is derived.
 */
function choose(
  adding: AddSession,
  orphan: Orphan | undefined,
  noted: OwnGuids | undefined,
  { replace, taken }: ProvisionOptions,
): { readonly guid: Guid | undefined; readonly ownGuids: OwnGuids | undefined } {
  if (replace) return { guid: newDerivedGuid(adding, taken), ownGuids: noted };
  const isPlain = orphan?.isCurrent !== true && noted === undefined;
  const ineffective = isPlain ? guidsNotInEffect(adding, taken) : undefined;
  return ineffective === undefined
    ? { guid: chooseGuid(adding, orphan, noted), ownGuids: noted }
    : { guid: undefined, ownGuids: ineffective };
}

/**
 * Returns a VF's administrative GUIDs, as its own, if the VF does not run with them; `undefined` if they are
 * in effect, or cannot come into effect: they are not valid, or another device has them.
 */
function guidsNotInEffect(adding: AddSession, taken: readonly Guid[]): OwnGuids | undefined {
  const { node, vf, pf, request } = adding;
  // Without ib_ipoib, the PF's GUIDs for a VF cannot be read, and a VF with a GUID keeps it.
  if (node.functions.driver(vf.pci) === VFIO_DRIVER || pf.linkIfAny === undefined) return undefined;
  const { nodeGuid, portGuid } = pf.vf;
  const isTaken = thoroughGuidSearch(adding, recordedGuids(adding), taken);
  const isFree = (guid: Guid | undefined): guid is Guid =>
    guid !== undefined && isUsableGuid(guid) && !isTaken(guid);
  if (!isFree(nodeGuid) || !isFree(portGuid)) return undefined;
  const now = effectiveGuids(node, vf.pci, undefined, request.rdmaOnly === true ? "none" : undefined);
  if (now.node === nodeGuid && now.port === portGuid) return undefined;
  const instead = [now.node, now.port].filter((guid) => guid !== undefined);
  const { generation } = vf;
  return { node: nodeGuid, port: portGuid, instead, generation, bootId: node.clock.bootId() };
}

/**
 * Reports whether the VF has no netdev by design. If a killed call has left the VF in the middle of a rebind, its
 * record shows that; but the record of `bind` does not, because `bind` does not know which devices the VF will have.
 */
function hasNoNetdev({ node, state, locks: { owner } }: VfSession, { pci, pf }: VirtualFunction): boolean {
  const left = owner && state.findAny(owner)?.record;
  if (left?.vf.pci !== pci) return !node.functions.hasNetdev(pci);
  return left.containerId === BIND_CONTAINER ? !node.functions.hasNetdev(pf) : left.kind === "rdma";
}

/** Returns the request of an ADD without a container, which sets the GUID only. */
export function requestFor(
  { node, deadline, warn, observe }: Session,
  pci: string,
  rdmaOnly: true | undefined,
): AddRequest {
  const rollbackTime = rollbackTimeOf(deadline - node.clock.now());
  return {
    name: { containerId: CONTAINER, ifname: pci },
    netns: "",
    ownNetnsAllowed: true,
    stdin: "{}",
    args: "",
    path: "",
    deadline: deadline - rollbackTime,
    rollbackTime,
    warn,
    observe,
    deviceID: pci,
    vfioPciMode: undefined,
    rdmaOnly,
    guid: "auto",
    settings: {},
    reply: { cniVersion: NEWEST_VERSION, prevResult: undefined, dns: emptyDns() },
  };
}
