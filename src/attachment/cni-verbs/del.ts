import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { clearNamedGuid } from "../go-plugin/clear-guid.ts";
import { importGoAttachment } from "../go-plugin/import.ts";
import { callForLease } from "../ipam/ipam.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import { withVfLock } from "../lock/locks.ts";
import { openSession, type Session } from "../lock/session.ts";
import { openNetnsIfPresent, recordedNetns, requireOtherNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import type { DelRequest } from "../requests.ts";
import { delUnrecorded } from "../restore/del-unrecorded.ts";
import { detach } from "../restore/detach.ts";
import { withActualIndex } from "../restore/locked-record.ts";
import { shellWord } from "../shell-word.ts";

/**
 * DEL: returns the VF of a container to the host. It succeeds if the attachment does not exist any more.
 * @throws {CniError} if a setting could not be restored. The record then remains, and the next DEL continues from it.
 */
export function del(node: Node, request: DelRequest): void {
  const session = openSession(node, request);
  const { containerId } = request.name;
  attempt(`detach container ${containerId}`, () => {
    const named = namedNetns(node, request);
    const seen = findRecord(session, request);
    const pci = pciOf(seen);
    if (pci === undefined) {
      if (seen === undefined) clearNamedGuid(session, request);
      delUnrecorded(session, request, named, seen);
      return;
    }
    withVfLock(session, pci, `DEL of container ${containerId}`, (locked) => {
      // The record that was read without the lock may be out of date.
      const stored = findRecord(session, request);
      if (stored === undefined || pciOf(stored) !== pci) return;
      const read = stored.record ?? importGoAttachment(locked, request, named, stored);
      if (read === undefined) return;
      const record = withActualIndex(node, read);
      const containerNetns = containerOf(node, request, named, record);
      const ipam = callForLease(request.ipam, record);
      detach({ ...stepContextOf(locked, record, containerNetns), ipam }, stored.path);
      releaseLeasesOf(locked, pci);
    });
  });
}

/** Opens the namespace that the call names; `undefined` if it is gone, or the call names none. */
function namedNetns(node: Node, { netns, ownNetnsAllowed }: DelRequest): Namespace | undefined {
  const named = netns === undefined ? undefined : openNetnsIfPresent(node, netns);
  if (!ownNetnsAllowed) requireOtherNetns(node, named);
  return named;
}

/**
 * Returns the attachment's record; `undefined` if it has no record.
 * @throws {CniError} code 100, naming the version that is needed, if a later version wrote the record.
 */
function findRecord({ state }: Session, { name }: DelRequest): StoredRecord | undefined {
  const stored = state.find(name);
  if (stored?.unreadable?.kind !== "later format") return stored;
  const { containerId, ifname } = name;
  throw new CniError(
    codes.node,
    `cannot detach container ${containerId} by its record ${stored.path}: ${stored.unreadable.reason}; detach it with ` +
      `that version, or, if it has ended, run: ib-sriov attachments release ${containerId} ${shellWord(ifname)} --force`,
  );
}

function pciOf(stored: StoredRecord | undefined): string | undefined {
  return stored?.record?.vf.pci ?? stored?.goCache?.pci;
}

/**
 * Returns the namespace that ADD was called with, by the path of this call or of the record; `undefined` if it is gone.
 */
function containerOf(
  node: Node,
  request: DelRequest,
  named: Namespace | undefined,
  record: AttachmentRecord,
): Namespace | undefined {
  if (named?.cookie === record.netnsCookie) return named;
  return request.netns === record.netns ? undefined : recordedNetns(node, record);
}
