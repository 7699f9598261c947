import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { type AttachmentRecord, changesGuid } from "../record/record.ts";
import type { OwnGuids } from "./lock-contents.ts";
import type { Locks, VfSession } from "./locks.ts";

/**
 * The most GUIDs that the lock file has room for, beside two names of maximum length. The last ones are those of the
 * oldest lost records.
 */
const MOST_GUIDS = 5;

/**
 * Returns the GUIDs that an attachment must write into the VF's lock file; `undefined` if the VF runs with its own
 * GUIDs.
 */
export function ownGuids(
  { vf, originals, desired, staleGuids = [], bootId }: AttachmentRecord,
  effective: GuidPair,
): OwnGuids | undefined {
  const { nodeGuid, portGuid } = originals;
  const others = [desired.guid, effective.node, effective.port, ...staleGuids].filter(
    (guid): guid is Guid =>
      guid !== undefined && isUsableGuid(guid) && guid !== nodeGuid && guid !== portGuid,
  );
  if (others.length === 0) return undefined;
  const instead = [...new Set(others)].slice(0, MOST_GUIDS);
  return { node: nodeGuid, port: portGuid, instead, generation: vf.generation, bootId };
}

/**
 * Returns the VF's own GUIDs from its lock file; `undefined` if they are of another generation of the VF or another
 * boot.
 */
export function currentOwnGuids(
  { node, locks }: VfSession,
  { generation }: Pick<VirtualFunction, "generation">,
): OwnGuids | undefined {
  const { ownGuids } = locks;
  if (ownGuids?.generation !== generation) return undefined;
  return ownGuids.bootId === node.clock.bootId() ? ownGuids : undefined;
}

/** Notes that the GUID that an attachment's network names is the VF's own, if it is. */
export function confirmOwnGuid(locks: Locks, { desired, originals }: AttachmentRecord): void {
  if (desired.guid !== undefined && !changesGuid(desired, originals)) locks.confirmGuid(desired.guid);
}

/** Reports whether a VF with these effective GUIDs runs with a GUID of an attachment. */
export function runsWithOthers({ instead }: OwnGuids, { node, port }: GuidPair): boolean {
  return [node, port].some((guid) => guid !== undefined && instead.includes(guid));
}
