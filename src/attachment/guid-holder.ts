import { CniError, codes } from "../cni/errors.ts";
import type { Guid } from "../infiniband/guid.ts";
import { portGuidOf } from "../infiniband/hardware-address.ts";
import type { VirtualFunction } from "../node/functions.ts";
import type { Link } from "../node/links.ts";
import type { Node } from "../node/node.ts";
import type { Attaching } from "./attachment.ts";
import { isCurrent } from "./estate.ts";
import type { GuidPair } from "./guid-pair.ts";
import { lockNoteIn } from "./lock-note.ts";
import { type AttachmentName, type AttachmentRecord, changesGuid } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";

/**
 * Refuses the port GUID of the VF's own PF: two ports with one GUID break the fabric. It reads nothing more than ADD reads
 * anyway; a list of all netdevs or RDMA devices would take a system call for every 1 to 35 of them.
 * @param effective what the VF runs with. If that is the GUID already, nothing will be set.
 * @throws {CniError} code 7
 */
export function requireOtherThanPf(
  { pci, pf }: VirtualFunction,
  uplink: Link,
  guid: Guid,
  effective: GuidPair,
): void {
  if (effective.port === guid || portGuidOf(uplink.address) !== guid) return;
  throw inUse(guid, pci, `netdev ${uplink.name} of its PF ${pf} runs with it`, undefined);
}

/**
 * Notes in the state directory that a VF is about to get a GUID that is not its own, so that no other VF gets the same. The
 * file is made as a whole or not at all: of two ADDs at once one succeeds. It names the VF, whose lock file and record say
 * whether the VF still has the GUID, so that what a killed call leaves is recognized. The record is already written.
 * @throws {CniError} code 7, naming the container that has the GUID.
 */
export function claimGuid({ node, record, locks, deadline }: Attaching, state: StateDirectory): void {
  const { pci } = record.vf;
  const guid = claimedGuid(record);
  if (guid === undefined || state.createGuidNote(guid, pci)) return;
  // Removing a note that is out of date, and making a new one, is not one change: only one call at a time may do it.
  locks.whileNodeIsLocked(deadline, () => {
    const holder = state.guidNote(guid);
    if (holder === pci) return;
    if (holder !== undefined) {
      const owner = ownerWith(node, state, holder, guid);
      if (owner !== undefined) throw inUse(guid, pci, `VF ${holder} has it`, owner);
      state.removeGuidNote(guid);
    }
    if (state.createGuidNote(guid, pci)) return;
    throw new CniError(
      codes.tryAgain,
      `GUID ${guid} was given to another VF while VF ${pci} was about to get it`,
    );
  });
}

/**
 * Removes the note of {@link claimGuid}, if it still names the record's VF, before the record is removed; and the notes of
 * earlier attachments of that VF whose records are lost.
 * @param kept a GUID whose note stays, because it is another attachment's of that VF.
 */
export function releaseGuid(state: StateDirectory, record: AttachmentRecord, kept?: Guid): void {
  const guid = claimedGuid(record);
  for (const each of new Set([...(guid === undefined ? [] : [guid]), ...(record.found.leftGuids ?? [])])) {
    if (each !== kept && state.guidNote(each) === record.vf.pci) state.removeGuidNote(each);
  }
}

/** Returns the GUID that an attachment brings; `undefined` if its VF keeps its own. */
function claimedGuid({ wanted, found }: AttachmentRecord): Guid | undefined {
  return changesGuid(wanted, found) ? wanted.guid : undefined;
}

/**
 * Returns the attachment of a VF that has a GUID, running or not: as long as it has a record, its VF may run with the GUID.
 * A record that cannot be read may be of it, unless it is from an earlier boot.
 */
function ownerWith(node: Node, state: StateDirectory, pci: string, guid: Guid): AttachmentName | undefined {
  const { owner, predecessor, ownerBoot } = lockNoteIn(state.vfNote(pci));
  return [owner, predecessor].find((name) => {
    const stored = name && state.findAny(name);
    if (stored?.unreadable !== undefined) return ownerBoot === node.clock.bootId();
    const record = stored?.record;
    if (record?.vf.pci !== pci || record.wanted.guid !== guid) return false;
    return isCurrent(node, record, () => node.functions.incarnation(pci));
  });
}

function inUse(guid: Guid, pci: string, why: string, owner: AttachmentName | undefined): CniError {
  const container =
    owner === undefined ? "" : `, which container ${owner.containerId} (interface ${owner.ifname}) was given`;
  return new CniError(
    codes.badConfiguration,
    `GUID ${guid} cannot be given to VF ${pci}: ${why}${container}; a GUID serves one port: ` +
      'set "guid" to "auto", or give each pod another GUID',
  );
}
