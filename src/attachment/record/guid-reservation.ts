import type { Guid } from "../../infiniband/guid.ts";
import { type AttachmentRecord, changesGuid } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";

/**
 * Removes the note of reserveGuid (plan/reserve-guid.ts) before the record is removed, if the note still names the
 * record's VF. It also removes the notes of earlier attachments of that VF whose records are lost.
 * @param kept a GUID whose note stays, because another attachment of that VF has it.
 */
export function releaseGuidNotes(state: StateDirectory, record: AttachmentRecord, kept?: Guid): void {
  const guid = newGuidOf(record);
  for (const each of new Set([...(guid === undefined ? [] : [guid]), ...(record.staleGuids ?? [])])) {
    if (each !== kept && state.guidNote(each) === record.vf.pci) state.removeGuidNote(each);
  }
}

/** Returns the GUID that an attachment gives to its VF; `undefined` if the VF keeps its own GUIDs. */
export function newGuidOf({ desired, originals }: AttachmentRecord): Guid | undefined {
  return changesGuid(desired, originals) ? desired.guid : undefined;
}
