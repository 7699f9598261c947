import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { attempt, attemptAll } from "../errors.ts";
import type { VfSession } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { releaseGuidNotes } from "../record/guid-notes.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { type IpamCall, ipamCallOf, runIpam, sameLease } from "./ipam.ts";

/** Time limit for releasing the leases of other attachments, ms, and at most until the deadline of the call. */
const releaseTimeout = 5000;

/**
 * Leaves the release of an orphaned attachment's lease to a later time: its record becomes that of an unreleased lease.
 * The VF's lock file notes that first, so that the next call of this VF finds the lease, and releases it at its end.
 */
export function deferRelease({ state, locks }: VfSession, path: string, record: AttachmentRecord): void {
  locks.noteUnreleasedLease();
  releaseGuidNotes(state, record);
  state.deferRelease(path, record);
}

/**
 * Releases the leases that orphaned attachments of a VF have left. It never fails: a lease that cannot be released now
 * stays for the next call of this VF, or for GC.
 */
export function releaseLeasesOf(session: VfSession, pci: string): void {
  const { node, state, locks, warn } = session;
  if (!locks.hasUnreleasedLeases) return;
  try {
    const limited = { ...session, deadline: Math.min(node.clock.now() + releaseTimeout, session.deadline) };
    const failures = attemptAll(
      state.unreleasedLeasesOf(pci).map((path) => () => {
        attempt(`release the lease of an orphaned attachment (${path})`, () =>
          releaseLeaseAt(limited, path, recordOfLease(state, path), locks.inheritable),
        );
      }),
    );
    for (const failure of failures) warn(messageOf(failure));
    if (failures.length === 0) locks.clearUnreleasedLeases();
  } catch (error) {
    warn(`cannot list the unreleased leases of VF ${pci}: ${messageOf(error)}`);
  }
}

/**
 * Reads the record of an unreleased lease; `undefined` if it is damaged.
 * @throws {CniError} code 100 if a later version wrote it, because only that version knows how to release the lease.
 */
export function recordOfLease(state: StateDirectory, path: string): AttachmentRecord | undefined {
  const stored = state.read(path);
  if (stored?.unreadable?.kind !== "later format") return stored?.record;
  throw new CniError(codes.node, `cannot release the lease of ${path}: ${stored.unreadable.reason}`);
}

/**
 * Releases one lease, and removes its record.
 * @param record the record at the path; `undefined` if it cannot be read, so that there is nothing to release.
 * @param inherit descriptors of locks that the IPAM plugin inherits.
 * @throws {CniError} if the IPAM plugin could not release the lease before the deadline. The record stays.
 */
export function releaseLeaseAt(
  session: Session,
  path: string,
  record: AttachmentRecord | undefined,
  inherit: readonly number[] = [],
): void {
  const { state } = session;
  const call = record && ipamCallOf(record);
  if (record !== undefined && call !== undefined && !isHeldAgain(state, record, call)) {
    runIpam(session, "DEL", call, inherit);
  }
  state.remove(path);
}

/**
 * Reports whether a newer attachment of the same name has a lease from the same network. The IPAM plugin cannot
 * distinguish the two leases, so a release would end the newer one.
 */
function isHeldAgain(state: StateDirectory, name: AttachmentName, unreleased: IpamCall): boolean {
  const record = state.find(name)?.record;
  const call = record && ipamCallOf(record);
  return call !== undefined && sameLease(call, unreleased);
}
