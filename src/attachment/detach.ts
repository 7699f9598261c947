import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { attachmentOf } from "./attachment-of.ts";
import type { DetachCall } from "./call.ts";
import { openIfThere, recordedContainer, requireOtherNetns } from "./container.ts";
import { detachUnrecorded } from "./detach-unrecorded.ts";
import { isCurrent } from "./estate.ts";
import { attempt } from "./failure.ts";
import { type IpamCall, ipamCallOf, sameLease } from "./ipam-call.ts";
import { Locks } from "./locks.ts";
import { type AttachmentRecord, isNamed } from "./record.ts";
import { StateDirectory } from "./state-directory.ts";
import { combined, undoAll } from "./undo.ts";

/**
 * DEL: takes a VF back from a container. Detached already is success.
 * @throws {CniError} where something could not be put back. The record stays then, and the next DEL goes on.
 */
export function detach(node: Node, call: DetachCall): void {
  const { netns } = call;
  const named = attempt(`open the network namespace ${netns}`, () => {
    const found = netns === undefined ? undefined : openIfThere(node, netns);
    if (!call.ownNetnsAllowed) requireOtherNetns(node, found);
    return found;
  });
  const state = new StateDirectory(node.files);
  const find = () => attempt("read the attachment's record", () => state.find(call.name));
  const seen = find();
  const pci = seen?.record?.vf.pci;
  if (pci === undefined) {
    detachUnrecorded(node, call, state, named, seen);
    return;
  }
  const locks = new Locks(node, state, call.deadline, `DEL of container ${call.name.containerId}`);
  attempt(`lock VF ${pci}`, () => locks.acquireVf(pci));
  try {
    // What was read without the lock may be history by now.
    const stored = find();
    if (stored?.record?.vf.pci !== pci) return;
    release(node, call, state, locks, named, stored.path, stored.record);
  } finally {
    locks.release();
  }
}

function release(
  node: Node,
  call: DetachCall,
  state: StateDirectory,
  locks: Locks,
  named: Namespace | undefined,
  path: string,
  record: AttachmentRecord,
): void {
  const { pci } = record.vf;
  const pod = attempt(`look for the network namespace ${record.netns}`, () =>
    containerOf(node, call, named, record),
  );
  const attachment: Attachment = {
    ...attachmentOf(node, record, pod, locks, call),
    ipam: releasingCall(call, record),
  };
  const ours = attempt(`find out whose VF ${pci} is`, () => holdsVf(node, locks, record));
  if (!ours) call.warn(`VF ${pci} is not ${record.containerId}'s any more; only its lease is released`);
  const failure = combined(
    `container ${record.containerId} could not be detached from VF ${pci} in every respect (the next DEL tries again)`,
    undoAll(attachment, ours),
  );
  if (failure !== undefined) throw failure;
  attempt("remove the attachment's record", () => state.remove(path));
  if (isNamed(locks.owner, record)) attempt(`note that VF ${pci} is free`, () => locks.disown());
}

/** Is the VF still the one that the record's attachment changed, and nobody else's since? */
function holdsVf(node: Node, locks: Locks, record: AttachmentRecord): boolean {
  const { owner } = locks;
  if (owner !== undefined && !isNamed(owner, record)) return false;
  return isCurrent(node, record, node.functions.incarnation(record.vf.pci));
}

/** The namespace that ADD knew, by either path, as long as it is the same one. */
function containerOf(
  node: Node,
  call: DetachCall,
  named: Namespace | undefined,
  record: AttachmentRecord,
): Namespace | undefined {
  if (named?.cookie === record.netnsCookie) return named;
  return call.netns === record.netns ? undefined : recordedContainer(node, record);
}

/**
 * The runtime's own call, which may carry what an IPAM plugin expects of a DEL (prevResult), unless the
 * network was changed under the running container: then what ADD was called with names the lease.
 */
function releasingCall(call: DetachCall, record: AttachmentRecord): IpamCall | undefined {
  const recorded = ipamCallOf(record);
  if (recorded === undefined || call.ipam === undefined) return recorded;
  return sameLease(recorded, call.ipam) ? call.ipam : recorded;
}
