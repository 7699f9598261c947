import type { Guid } from "../../infiniband/guid.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import { withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { attachmentWithGuid } from "../plan/reserve-guid.ts";

/** Time limit for the locks of a VF and of the node, ms. */
const lockTimeout = 5000;

/**
 * Removes a note of reserveGuid (plan/reserve-guid.ts) if its VF has no attachment with the GUID. The note has no
 * effect then. The Go plugin's DEL of an attachment of ib-sriov leaves it behind, because it removes only the record.
 * @throws {CniError} code 11, naming the holder, if a lock is held for too long.
 */
export function removeOutdatedGuidNote(session: Session, guid: Guid): void {
  const { node, state } = session;
  const pci = state.guidNote(guid);
  if (pci === undefined || parsePciAddress(pci) !== pci) return;
  const isOutdated = () => attachmentWithGuid(session, pci, guid) === undefined;
  if (!isOutdated()) return;
  const deadline = Math.min(node.clock.now() + lockTimeout, session.deadline);
  // The VF's lock excludes an ADD that is about to write the note; the node's lock excludes an ADD that replaces it.
  withVfLock({ ...session, deadline }, pci, "gc", ({ locks }) =>
    locks.whileNodeIsLocked(deadline, () => {
      if (state.guidNote(guid) === pci && isOutdated()) state.removeGuidNote(guid);
    }),
  );
}
