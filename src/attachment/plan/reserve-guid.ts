import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { AddContext } from "../context.ts";
import type { Session } from "../lock/session.ts";
import { guidsOf } from "../record/guid-notes.ts";
import { type AttachmentName, type AttachmentRecord, changesGuid } from "../record/record.ts";
import { isVirtual } from "../vf/pci-function.ts";
import type { HostRdmaDevices } from "../vf/rdma-devices.ts";
import type { AddSession } from "./add-session.ts";
import { type RecordedGuids, recordedGuids } from "./recorded-guids.ts";
import { attachmentWithGuid, guidSearch, type TakenBy } from "./taken-guids.ts";

/**
 * Refuses the GUID that an attachment gives to its VF if another function of the node has it: two ports with one GUID
 * break the fabric.
 * @param rdma `undefined` if the caller has not read the devices.
 * @throws {CniError} code 7, naming the container or the device that has the GUID.
 */
export function requireFreeGuid(
  session: AddSession,
  { desired, originals }: AttachmentRecord,
  rdma: HostRdmaDevices | undefined,
): void {
  const { guid } = desired;
  if (guid === undefined || !changesGuid(desired, originals)) return;
  const takenBy = guidSearch(session, rdma)(guid);
  if (takenBy !== undefined) throw inUse(session, session.vf.pci, guid, takenBy);
}

/**
 * Notes the GUIDs of an attachment, so that no other VF gets them ({@link guidsOf}). A note is created atomically:
 * of two ADDs at once, one succeeds. The record is already written, by which the note of a killed call is recognized.
 * @throws {CniError} code 7, naming the container, if another attachment has the port GUID that the VF is to have.
 */
export function reserveGuids(session: AddContext): void {
  const { record, effective } = session;
  const { desired, originals, vf } = record;
  const portGuid = desired.guid ?? originals.portGuid;
  for (const guid of guidsOf(record)) {
    const takenBy = reserve(session, guid);
    // The VF's other GUIDs are those that it has had so far. An administrator can give one node GUID to several VFs.
    if (takenBy === undefined || guid !== portGuid) continue;
    const text = `${takenBy.what}, which ${attachmentText(takenBy.attachment)} has`;
    if (changesGuid(desired, originals)) throw inUse(session, vf.pci, guid, takenBy);
    throw effective.port === guid
      ? new CniError(
          codes.badConfiguration,
          `VF ${vf.pci} cannot be attached with its own GUID ${guid}: ${text}; give the VF another GUID: ` +
            `ib-sriov provision --replace ${vf.pci}`,
        )
      : new CniError(
          codes.tryAgain,
          `GUID ${guid} cannot be derived for VF ${vf.pci}: in the meantime, ${text}; the next ADD derives another GUID`,
        );
  }
}

/** Notes that the VF has a GUID. Returns the attachment of another VF that has it; `undefined` if it is noted. */
function reserve(session: AddContext, guid: Guid): TakenByAttachment | undefined {
  const { record, state, locks, deadline } = session;
  const { guidNotes } = state;
  const { pci } = record.vf;
  let outcome = guidNotes.create(guid, pci);
  if (outcome === "unprepared") {
    // The record of this call is there, too, and its notes must not come first.
    const others = recordedGuids(session).filter((each) => each.pci !== pci);
    noteRecorded(session, others);
    guidNotes.prepare(pci);
    outcome = guidNotes.create(guid, pci);
  }
  if (outcome === "created") return undefined;
  const takenBy = attachmentNoted(session, guid);
  if (takenBy !== undefined) return takenBy;
  // The note is outdated, or names this VF. Replacing a note takes two steps, so only one call at a time may do it; and
  // another call that finds the note outdated may be about to replace it.
  return locks.whileNodeIsLocked(deadline, () => {
    if (guidNotes.vfWith(guid) === pci) return undefined;
    const now = attachmentNoted(session, guid);
    if (now !== undefined) return now;
    guidNotes.remove(guid);
    if (guidNotes.create(guid, pci) === "created") return undefined;
    throw new CniError(
      codes.tryAgain,
      `GUID ${guid} was given to another VF while VF ${pci} was about to get it`,
    );
  });
}

/** Returns the attachment of another VF that has a GUID according to its note; `undefined` if the note is outdated. */
function attachmentNoted(session: AddContext, guid: Guid): TakenByAttachment | undefined {
  const pci = session.state.guidNotes.vfWith(guid);
  if (pci === undefined || pci === session.record.vf.pci) return undefined;
  const attachment = attachmentWithGuid(session, pci, guid);
  return attachment && { what: `VF ${pci} has it`, pci, attachment };
}

/** An attachment that has a GUID according to its note. */
type TakenByAttachment = TakenBy & { readonly attachment: AttachmentName };

/**
 * Creates the notes that are missing: the Go plugin does not create them. ADD calls it once for each VF, before the VF
 * has its first note.
 */
export function noteRecorded({ state: { guidNotes } }: Session, recorded: readonly RecordedGuids[]): void {
  for (const { pci, guids } of recorded) {
    for (const guid of guids) {
      if (guidNotes.create(guid, pci) !== "unprepared") continue;
      guidNotes.prepare(pci);
      guidNotes.create(guid, pci);
    }
  }
}

/** Returns the error for a GUID that a function of the node has. */
function inUse(session: Session, pci: string, guid: Guid, takenBy: TakenBy): CniError {
  const recorded = takenBy.attachment === undefined ? recordedGuids(session) : [];
  const ofFunction = recorded.filter((each) => each.pci === takenBy.pci);
  const attachment = takenBy.attachment ?? ofFunction.find(({ guids }) => guids.includes(guid))?.name;
  const container = attachment === undefined ? "" : `, which ${attachmentText(attachment)} has`;
  const isFree = attachment === undefined && ofFunction.length === 0;
  const remedy =
    isFree && takenBy.pci !== undefined && isVirtual(session.node, takenBy.pci)
      ? `; no attachment has VF ${takenBy.pci}: to take the GUID from it, run: ib-sriov provision --replace ${takenBy.pci}`
      : "";
  return new CniError(
    codes.badConfiguration,
    `GUID ${guid} cannot be given to VF ${pci}: ${takenBy.what}${container}${remedy}; a GUID serves one port: ` +
      'set "guid" to "auto", or give each pod another GUID',
  );
}

function attachmentText({ containerId, ifname }: AttachmentName): string {
  return `container ${containerId} (interface ${ifname})`;
}
