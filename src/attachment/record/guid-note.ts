import type { Guid } from "../../infiniband/guid.ts";
import { type AttachmentRecord, changesGuid } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";

/**
 * Removes the note of reserveGuid (plan/reserve-guid.ts), if it still names the record's VF, before the record is removed; and the notes of
 * earlier attachments of that VF whose records are lost.
 * @param kept a GUID whose note stays, because it is another attachment's of that VF.
 */
export function releaseGuidNotes(state: StateDirectory, record: AttachmentRecord, kept?: Guid): void {
  const guid = newGuidOf(record);
  for (const each of new Set([...(guid === undefined ? [] : [guid]), ...(record.found.leftGuids ?? [])])) {
    if (each !== kept && state.guidNote(each) === record.vf.pci) state.removeGuidNote(each);
  }
}

/** Returns the GUID that an attachment brings; `undefined` if its VF keeps its own. */
export function newGuidOf({ wanted, found }: AttachmentRecord): Guid | undefined {
  return changesGuid(wanted, found) ? wanted.guid : undefined;
}
