import { emptyDns } from "../../cni/result.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import { rollbackTimeOf } from "../limits.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { modeOf } from "../modes.ts";
import { openAddSession, recoverOwnGuids } from "../plan/add-session.ts";
import { chooseGuid } from "../plan/choose-guid.ts";
import { createRecord, refuseTakenName } from "../plan/create-record.ts";
import { makePlan } from "../plan/plan.ts";
import { findStaleAttachment } from "../recovery/stale-attachment.ts";
import { completeTakeOver, takeOverStale } from "../recovery/take-over.ts";
import type { AddRequest } from "../requests.ts";
import { adminGuid } from "../steps/admin-guid.ts";
import { guid } from "../steps/guid.ts";
import { release } from "../undo/release.ts";
import { rollBack } from "../undo/rollback.ts";
import { functionAt } from "../vf/pci-function.ts";

/** The container ID in the record of a VF while it is provisioned. */
const CONTAINER = "provision";

/** The GUID of a VF after `provision`. */
export interface ProvisionOutcome {
  readonly guid: Guid | undefined;
  /** Whether the VF had another GUID before, or none. */
  readonly isNew: boolean;
}

/**
 * Gives a free VF the GUID that `"guid": "auto"` derives for it, so that no pod waits for the rebind. It is the
 * beginning and the end of an attachment without a container: with the same plan, steps and record, so that a later
 * call completes it after a kill. The GUID stays; all other settings are as before.
 * @throws {CniError} if a running container has the VF (code 101), or a step failed.
 */
export function provision(session: Session, pci: string): ProvisionOutcome {
  return attempt(`assign a GUID to VF ${pci}`, () => {
    const vf = functionAt(session.node, pci);
    return withVfLock(session, pci, `provision of VF ${pci}`, (locked) => {
      const request = requestFor(session, pci, hasNoNetdev(locked, pci) || undefined);
      const adding = openAddSession(
        { ...locked, deadline: request.deadline },
        request,
        vf,
        session.node.namespaces.host,
      );
      const stale = findStaleAttachment(adding, vf);
      refuseTakenName(adding, stale);
      const ownGuids = recoverOwnGuids(adding, stale);
      const desired = { guid: chooseGuid(adding, stale, ownGuids) };
      const takeover = stale && takeOverStale(adding, request.name, desired, stale);
      const plan = makePlan(adding, desired, takeover, ownGuids);
      const attachment = { ...createRecord(adding, plan), containerNetns: undefined };
      try {
        completeTakeOver(attachment, request.name, takeover);
        (modeOf(plan.record).hasRdmaDevices ? guid : adminGuid).apply(attachment);
      } catch (error) {
        throw rollBack(attachment, error);
      }
      release(attachment, attachment.path);
      releasePendingOf(attachment, pci);
      const { node: nodeGuid, port } = plan.effective;
      if (desired.guid === undefined) return { guid: port, isNew: false };
      return { guid: desired.guid, isNew: nodeGuid !== desired.guid || port !== desired.guid };
    });
  });
}

/**
 * Reports whether the VF has no netdev by design. If a killed call has left the VF in the middle of a rebind, its
 * record shows that.
 */
function hasNoNetdev({ node, state, locks: { owner } }: VfSession, pci: string): boolean {
  const left = owner && state.findAny(owner)?.record;
  return left?.vf.pci === pci ? left.mode === "rdma" : !node.functions.hasNetdev(pci);
}

/** Returns the request of an ADD without a container, which sets the GUID only. */
function requestFor(
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
