import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt, attemptAll } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Locks } from "../lock/locks.ts";
import { releaseGuidNotes } from "../record/guid-note.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { type IpamCall, ipamCallOf, runIpam, sameLease } from "./ipam.ts";

/** Time limit for releasing the leases of other attachments, ms, as long as the call has that much time left. */
const patience = 5000;

/**
 * Puts the record of a dead attachment aside, of which only the lease is left to be released. The VF's lock file says
 * so first: whoever holds the VF next, and comes to its end, settles it.
 */
export function deferRelease(
  state: StateDirectory,
  locks: Locks,
  path: string,
  record: AttachmentRecord,
): void {
  locks.notePendingRelease();
  releaseGuidNotes(state, record);
  state.park(path, record);
}

/**
 * Releases the leases that dead attachments of a VF still owe, if there are any. It never fails: what cannot be
 * released now stays owed, for the next call that holds the VF, or for GC.
 */
export function releasePendingOf(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  pci: string,
  { deadline, warn, observe }: Limits,
): void {
  if (!locks.hasPendingReleases) return;
  try {
    const limits = { deadline: Math.min(node.clock.now() + patience, deadline), warn, observe };
    const failures = attemptAll(
      state.owedOf(pci).map((path) => () => {
        const record = pendingRecord(state, path);
        attempt(`release the lease that a dead attachment owes (${path})`, () =>
          releasePending(node, state, path, record, locks.inheritable, limits),
        );
      }),
    );
    for (const failure of failures) warn(messageOf(failure));
    if (failures.length === 0) locks.clearPendingReleases();
  } catch (error) {
    warn(`cannot tell what leases dead attachments of VF ${pci} owe: ${messageOf(error)}`);
  }
}

/**
 * Reads the record of such a lease; `undefined` if it is damaged.
 * @throws {CniError} code 100 if a later version wrote it: that one knows how to release the lease.
 */
export function pendingRecord(state: StateDirectory, path: string): AttachmentRecord | undefined {
  const stored = attempt(`read ${path}`, () => state.read(path));
  if (stored?.unreadable?.kind !== "later format") return stored?.record;
  throw new CniError(codes.node, `the lease of ${path} stays owed: ${stored.unreadable.reason}`);
}

/**
 * Releases such a lease.
 * @param record what stands at the path; undefined where nothing can be read there: then nothing is owed.
 * @throws {CniError} where the IPAM plugin could not do it by the deadline. It stays owed then.
 */
export function releasePending(
  node: Node,
  state: StateDirectory,
  path: string,
  record: AttachmentRecord | undefined,
  inherit: readonly number[],
  limits: Limits,
): void {
  const call = record && ipamCallOf(record);
  if (record !== undefined && call !== undefined && !isHeldAgain(state, record, call)) {
    runIpam(node, "DEL", call, inherit, limits);
  }
  state.remove(path);
}

/** Has an attachment of that name a lease of its own by now? An IPAM plugin could not tell the two apart. */
function isHeldAgain(state: StateDirectory, name: AttachmentName, owed: IpamCall): boolean {
  const record = state.find(name)?.record;
  const call = record && ipamCallOf(record);
  return call !== undefined && sameLease(call, owed);
}
