import type { Guid } from "../../infiniband/guid.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import { attemptEach } from "../attempt-each.ts";
import { withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { recordedGuids } from "../plan/recorded-guids.ts";
import { noteRecorded } from "../plan/reserve-guid.ts";
import { attachmentWithGuid } from "../plan/taken-guids.ts";

/** Time limit for the locks of a VF and of the node, ms. */
const lockTimeout = 5000;

/**
 * Makes the notes of GUIDs agree with the attachments. It creates those that are missing: the Go plugin, and older
 * versions, do not create them for GUIDs that VFs keep. And it removes those of VFs without an attachment with that GUID,
 * which have no effect: the Go plugin's DEL of an attachment of ib-sriov leaves its notes behind.
 * @returns the errors. One note that cannot be examined does not keep the others.
 */
export function tidyGuidNotes(session: Session): unknown[] {
  const { guidNotes } = session.state;
  try {
    const recorded = recordedGuids(session);
    noteRecorded(session, recorded);
    const current = new Set(recorded.flatMap(({ pci, guids }) => guids.map((guid) => `${pci} ${guid}`)));
    const examine = (guid: Guid) => (limited: Session) => {
      const pci = guidNotes.vfWith(guid);
      if (pci !== undefined && !current.has(`${pci} ${guid}`)) removeIfOutdated(limited, guid, pci);
    };
    return attemptEach(session, "notes of GUIDs", guidNotes.guids().map(examine));
  } catch (error) {
    return [error];
  }
}

/** @throws {CniError} code 11, naming the holder, if a lock is held for too long. */
function removeIfOutdated(session: Session, guid: Guid, pci: string): void {
  if (parsePciAddress(pci) !== pci) return;
  const { node, state } = session;
  const isOutdated = () => attachmentWithGuid(session, pci, guid) === undefined;
  const deadline = Math.min(node.clock.now() + lockTimeout, session.deadline);
  // The VF's lock excludes an ADD that is about to write the note; the node's lock excludes an ADD that replaces it.
  withVfLock({ ...session, deadline }, pci, "gc", ({ locks }) =>
    locks.whileNodeIsLocked(deadline, () => {
      if (state.guidNotes.vfWith(guid) === pci && isOutdated()) state.guidNotes.remove(guid);
    }),
  );
}
