import type { Namespace } from "../../node/namespaces.ts";
import { isPhysical, type VirtualFunction } from "../../node/pci-functions.ts";
import type { VfSession } from "../lock/locks.ts";
import { currentOwnGuids } from "../lock/own-guids.ts";
import type { Desired } from "../record/desired.ts";
import type { AddRequest } from "../requests.ts";
import { type KeptOriginals, type Orphan, restoreOrphan } from "../restore/orphan.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";

/** An ADD that holds the lock of its VF. */
export interface AddSession extends VfSession {
  readonly request: AddRequest;
  readonly vf: VirtualFunction;
  readonly pf: PhysicalFunction;
  readonly containerNetns: Namespace;
}

/** Returns the session of an ADD whose call has locked the VF. */
export function openAddSession(
  session: VfSession,
  request: AddRequest,
  vf: VirtualFunction,
  containerNetns: Namespace,
): AddSession {
  return {
    ...session,
    request: isPhysical(vf) ? requestForPf(request) : request,
    vf,
    pf: new PhysicalFunction(session.node, vf.pf, vf.index),
    containerNetns,
  };
}

/**
 * Returns the request without GUID and link state: a PF has its own, which the host cannot set. If the network sets
 * them, ADD warns and does not fail: ib-kubernetes assigns a GUID to every pod of a network, and the Go plugin ignores
 * it, too.
 */
function requestForPf(request: AddRequest): AddRequest {
  if (request.guid !== undefined || request.settings.linkState !== undefined) {
    request.warn(
      `${request.deviceID} is a PF, which keeps its own GUID and link state: those of the network are not set`,
    );
  }
  return { ...request, guid: undefined, settings: { ...request.settings, linkState: undefined } };
}

/**
 * Returns the VF's own GUIDs, from its lock file, if the VF may run with those of an attachment whose record is lost. An
 * orphan of this generation has them in its record.
 */
export function recoverOwnGuids(session: AddSession, orphan: Orphan | undefined) {
  return orphan?.isCurrent === true ? undefined : currentOwnGuids(session, session.vf);
}

/**
 * Restores the VF of an orphan for this ADD, if there is one.
 * @param desired the settings of this ADD.
 * @returns the originals of the orphan's settings that stay, see {@link restoreOrphan}.
 */
export function restoreOrphanFor(
  session: AddSession,
  orphan: Orphan | undefined,
  desired: Desired,
): KeptOriginals | undefined {
  if (orphan === undefined) return undefined;
  const kept = restoreOrphan(session, orphan, session.request.name, desired);
  session.pf.forgetVf();
  return kept;
}
