import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, type VirtualFunction } from "../../node/pci-functions.ts";
import type { AddContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { deferRelease } from "../ipam/pending-releases.ts";
import type { Locks } from "../lock/locks.ts";
import { currentOwnGuids, ownGuids } from "../lock/own-guids.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { staleAttachmentOf } from "../recovery/stale-attachment.ts";
import { type TakenOver, takeOverStale } from "../recovery/take-over.ts";
import type { AddRequest } from "../requests.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";
import { autoGuid } from "./auto-guid.ts";
import { makePlan } from "./plan.ts";
import { requireUnused, warnOfAddresses } from "./refuse-used-vf.ts";
import { requireFreeGuid } from "./reserve-guid.ts";

/** An attachment whose record is written, before any change. */
export interface Prepared {
  readonly attachment: AddContext;
  /** Path of its record. */
  readonly path: string;
  /** The record of an orphaned attachment, whose lease becomes a pending release. */
  readonly owing: TakenOver["owing"];
}
/**
 * Prepares an attachment: reads every setting that it will change, and writes the record. From then on, a later call
 * finds the record, and the originals in it. The VF's lock is held.
 * @throws {CniError} if the VF cannot be attached. Nothing has been changed then, except by the takeover of an orphaned
 *   attachment.
 */
export function prepare(
  node: Node,
  call: AddRequest,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace,
  vf: VirtualFunction,
): Prepared {
  const stale = attempt(`find the previous owner of VF ${vf.pci}`, () =>
    staleAttachmentOf(node, state, locks, vf),
  );
  const pf = new PhysicalFunction(node, vf.pf, vf.index);
  const own = attempt(`read the original GUIDs of VF ${vf.pci}`, () =>
    stale?.current === true ? undefined : currentOwnGuids(node, locks, vf),
  );
  const derivedGuid = attempt(`choose a GUID for VF ${vf.pci}`, () =>
    call.guid === "auto" ? autoGuid(node, state, vf, pf, stale, own) : undefined,
  );
  const wanted = { ...call.wanted, guid: call.guid === "auto" ? derivedGuid : call.guid };
  const takenOver = attempt(`take VF ${vf.pci} over from an orphaned attachment`, () =>
    stale === undefined ? undefined : takeOverStale(node, state, locks, call, wanted, stale),
  );
  const { record, netdev, rdma, effective } = attempt(`read the settings of VF ${vf.pci}`, () => {
    try {
      return makePlan(node, call, vf, pod, pf, wanted, takenOver?.originals, derivedGuid, own);
    } catch (cause) {
      // The Go plugin does not write the owner of a VF. Only its cache shows that this container already has the VF.
      if (state.find(call.name)?.reference !== undefined) throw alreadyAttached(call, cause);
      throw cause;
    }
  });
  if (netdev !== undefined && rdma !== undefined) {
    attempt(`find out whether the host uses VF ${vf.pci}`, () => requireUnused(node, vf.pci, netdev, rdma));
    warnOfAddresses(node, vf.pci, netdev, call);
  }
  attempt(`compare the GUID for VF ${vf.pci} with those of other functions`, () =>
    requireFreeGuid(node, state, record, rdma),
  );

  const pfName = isPhysical(vf) ? "" : attempt(`read PF ${vf.pf}`, () => pf.link).name;
  attempt(`claim VF ${vf.pci} in its lock file`, () => locks.claim(call.name, ownGuids(record, effective)));
  const path = createRecord(state, locks, call, record, pfName);
  const attachment: AddContext = {
    ...stepContextOf(node, record, pod, locks, call),
    pf: () => pf.link,
    reply: call.reply,
    rollbackTime: call.rollbackTime,
    effective,
    netdev,
    netdevIn: node.namespaces.host,
    result: undefined,
  };
  return { attachment, path, owing: takenOver?.owing };
}

/** Makes the attachment the owner of the VF, and defers the release of the orphaned attachment's lease. */
export function takeOver(
  { record, locks }: AddContext,
  state: StateDirectory,
  owing: Prepared["owing"],
): void {
  if (owing !== undefined) {
    attempt("set the record of an orphaned attachment aside", () =>
      deferRelease(state, locks, owing.path, owing.record),
    );
  }
  const { containerId, ifname } = record;
  attempt(`write the owner of VF ${record.vf.pci}`, () => locks.setOwner({ containerId, ifname }));
}

/** Writes the record. If that fails, the VF's previous owner stays its owner. */
function createRecord(
  state: StateDirectory,
  locks: Locks,
  call: AddRequest,
  record: AttachmentRecord,
  pfName: string,
): string {
  let path: string | undefined;
  try {
    path = attempt("write the attachment's record", () => state.create(record, pfName));
  } finally {
    if (path === undefined) {
      attempt(`withdraw the claim of VF ${record.vf.pci}`, () => locks.withdrawClaim());
    }
  }
  if (path === undefined) throw alreadyAttached(call);
  return path;
}

function alreadyAttached({ name }: AddRequest, cause?: unknown): CniError {
  return new CniError(
    codes.badEnvironment,
    `CNI_CONTAINERID ${name.containerId} has an attachment ${name.ifname} (CNI_IFNAME) already; it must be ` +
      "detached (DEL) first",
    { cause },
  );
}
