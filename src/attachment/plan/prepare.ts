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
import { PhysicalFunction } from "../vf/function.ts";
import { autoGuid } from "./auto-guid.ts";
import { requireUnused, warnOfAddresses } from "./host-use.ts";
import { makePlan } from "./plan.ts";
import { requireFreeGuid } from "./reserve-guid.ts";

/** An attachment that is written down, and of which nothing is done yet. */
export interface Prepared {
  readonly attachment: AddContext;
  /** Of its record. */
  readonly path: string;
  /** The record of a dead attachment, which must be put aside. */
  readonly owing: TakenOver["owing"];
}

/**
 * The first half of an attachment: whatever it will change is read, and the plan is written down. From then on whoever
 * comes after us finds it, and with it the way back. The VF's lock is held.
 * @throws {CniError} where the VF cannot be attached. Nothing has been changed then, but what a dead attachment left.
 */
export function prepare(
  node: Node,
  call: AddRequest,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace,
  vf: VirtualFunction,
): Prepared {
  const estate = attempt(`find out who has VF ${vf.pci}`, () => staleAttachmentOf(node, state, locks, vf));
  const pf = new PhysicalFunction(node, vf.pf, vf.index);
  const own = attempt(`find out what GUIDs VF ${vf.pci} had`, () =>
    estate?.current === true ? undefined : currentOwnGuids(node, locks, vf),
  );
  const provided = attempt(`choose a GUID for VF ${vf.pci}`, () =>
    call.guid === "auto" ? autoGuid(node, state, vf, pf, estate, own) : undefined,
  );
  const wanted = { ...call.wanted, guid: call.guid === "auto" ? provided : call.guid };
  const inherited = attempt(`take VF ${vf.pci} over from a dead attachment`, () =>
    estate === undefined ? undefined : takeOverStale(node, state, locks, call, wanted, estate),
  );
  const { record, netdev, rdma, effective } = attempt(`read what VF ${vf.pci} is like`, () => {
    try {
      return makePlan(node, call, vf, pod, pf, wanted, inherited?.originals, provided, own);
    } catch (cause) {
      // The Go plugin does not say whose a VF is: that this container has it already, its cache alone tells.
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
  attempt(`note that VF ${vf.pci} is claimed`, () => locks.claim(call.name, ownGuids(record, effective)));
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
  return { attachment, path, owing: inherited?.owing };
}

/** Makes the VF the attachment's own, and puts aside the record of whoever has died over it. */
export function takeOver(
  { record, locks }: AddContext,
  state: StateDirectory,
  owing: Prepared["owing"],
): void {
  if (owing !== undefined) {
    attempt("put a dead attachment's record aside", () =>
      deferRelease(state, locks, owing.path, owing.record),
    );
  }
  const { containerId, ifname } = record;
  attempt(`note whose VF ${record.vf.pci} is`, () => locks.setOwner({ containerId, ifname }));
}

/** Without a record the VF stays whose it was. */
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
      attempt(`note that VF ${record.vf.pci} is not claimed any more`, () => locks.withdrawClaim());
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
