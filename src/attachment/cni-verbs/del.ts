import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { importGoAttachment } from "../go-plugin/import.ts";
import { callForLease } from "../ipam/ipam.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import { withVfLock } from "../lock/locks.ts";
import { openNetnsIfPresent, recordedNetns, requireOtherNetns } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { StateDirectory, type StoredRecord } from "../record/state-directory.ts";
import { delUnrecorded } from "../recovery/del-unrecorded.ts";
import type { DelRequest } from "../requests.ts";
import { release } from "../undo/release.ts";
import { located } from "../undo/with-locked-record.ts";

/**
 * DEL: returns the VF of a container to the host. It succeeds if the attachment does not exist any more.
 * @throws {CniError} if a setting could not be restored. The record then remains, and the next DEL continues from it.
 */
export function del(node: Node, call: DelRequest): void {
  const { netns } = call;
  const named = attempt(`open the network namespace ${netns}`, () => {
    const found = netns === undefined ? undefined : openNetnsIfPresent(node, netns);
    if (!call.ownNetnsAllowed) requireOtherNetns(node, found);
    return found;
  });
  const state = new StateDirectory(node.files);
  const find = () =>
    requireKnownFormat(
      attempt("read the attachment's record", () => state.find(call.name)),
      call,
    );
  const seen = find();
  const pci = pciOf(seen);
  if (pci === undefined) {
    delUnrecorded(node, call, state, named, seen);
    return;
  }
  withVfLock(node, state, call, pci, `DEL of container ${call.name.containerId}`, (locks) => {
    // The record that was read without the lock may be out of date.
    const stored = find();
    if (stored === undefined || pciOf(stored) !== pci) return;
    const read = stored.record ?? importGoAttachment(node, call, state, locks, named, stored);
    if (read === undefined) return;
    const record = attempt(`find VF ${pci} at its PF`, () => located(node, read));
    const pod = attempt(`look for the network namespace ${record.netns}`, () =>
      containerOf(node, call, named, record),
    );
    const attachment = {
      ...stepContextOf(node, record, pod, locks, call),
      ipam: callForLease(call.ipam, record),
    };
    release(attachment, state, stored.path);
    releasePendingOf(node, state, locks, pci, call);
  });
}

/**
 * Returns the record, unless a later version wrote it.
 * @throws {CniError} code 100, naming the version that is needed, if a later version wrote the record.
 */
function requireKnownFormat(
  stored: StoredRecord | undefined,
  { name }: DelRequest,
): StoredRecord | undefined {
  if (stored?.unreadable?.kind !== "later format") return stored;
  const { containerId, ifname } = name;
  throw new CniError(
    codes.node,
    `cannot detach container ${containerId} by its record ${stored.path}: ${stored.unreadable.reason}; detach it with ` +
      `that version, or, if it has ended, run: ib-sriov attachments release ${containerId} ${ifname} --force`,
  );
}

function pciOf(stored: StoredRecord | undefined): string | undefined {
  return stored?.record?.vf.pci ?? stored?.reference?.pci;
}

/**
 * Returns the namespace that ADD was called with, by the path of this call or of the record; `undefined` if it is gone.
 */
function containerOf(
  node: Node,
  call: DelRequest,
  named: Namespace | undefined,
  record: AttachmentRecord,
): Namespace | undefined {
  if (named?.cookie === record.netnsCookie) return named;
  return call.netns === record.netns ? undefined : recordedNetns(node, record);
}
