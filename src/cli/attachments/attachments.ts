import { propertiesOf } from "../../attachment/attachment-kinds.ts";
import { parseLockContents } from "../../attachment/lock/lock-contents.ts";
import { hasRecordedNetns } from "../../attachment/netns.ts";
import { podOf } from "../../attachment/record/container-text.ts";
import type { GoCache } from "../../attachment/record/go-cache.ts";
import { usableGuids } from "../../attachment/record/guid-notes.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "../../attachment/record/record.ts";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import type { StoredRecord } from "../../attachment/record/stored-record.ts";
import { isCurrent } from "../../attachment/vf/owns-vf.ts";
import { isUnseen } from "../../attachment/vf/pci-function.ts";
import { networkNameOf } from "../../cni/configuration.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { baseName } from "../../node/path.ts";
import { tryAcquire } from "../try-acquire.ts";

/**
 * Condition of an attachment.
 * - `attached`: the container has the VF.
 * - `in progress`: a call is changing it.
 * - `orphaned`: its namespace does not exist, or the call that prepared it was killed.
 * - `destroyed`: the container is running, but its VF was destroyed, or was destroyed and created again.
 * - `undo-failed`: a setting could not be restored.
 * - `go-plugin`: the Go plugin created it, and does not record the container's namespace.
 * - `unreadable`: the record, or what it names, cannot be read, and is treated as that of a running container.
 */
export type Condition =
  | "attached"
  | "in progress"
  | "orphaned"
  | "destroyed"
  | "undo-failed"
  | "go-plugin"
  | "unreadable";

/** An attachment, from its record. */
export interface ListedAttachment {
  readonly path: string;
  readonly condition: Condition;
  /** Container and interface; `undefined` if the file does not contain them. */
  readonly name: AttachmentName | undefined;
  /** PCI address of the VF; `undefined` if the file does not contain it. */
  readonly pci: string | undefined;
  /** Namespace and name of the pod; `undefined` if the call did not come from a kubelet. */
  readonly pod: string | undefined;
  readonly network: string | undefined;
  readonly netns: string | undefined;
  /** Start of ADD, ms since 1970. */
  readonly since: number | undefined;
  /** `undefined` if the Go plugin created the attachment, or the record cannot be read. */
  readonly record: AttachmentRecord | undefined;
  readonly goCache: GoCache | undefined;
  /** Port GUID of a PF that a virtual machine has; `undefined` if it is not known, and for a VF. */
  readonly pfGuid?: Guid | undefined;
  /** Why the record, or what it names, cannot be read; `undefined` if it can. */
  readonly unreadable?: string | undefined;
}

/** Returns all attachments of the node, sorted by the paths of their records. This reads all records. */
export function attachmentsOf(node: Node): ListedAttachment[] {
  const state = new StateDirectory(node.files);
  return state
    .paths()
    .sort()
    .flatMap((path) => attachmentAt(node, state, path) ?? []);
}

/** Returns the attachment with a record at a path; `undefined` if the file does not exist. */
export function attachmentAt(node: Node, state: StateDirectory, path: string): ListedAttachment | undefined {
  const stored = state.readAny(path);
  if (stored === undefined) return undefined;
  const { record, goCache, unreadable } = stored;
  if (unreadable !== undefined) return unreadableAt(state, stored, unreadable.reason);
  if (record === undefined) return unrecorded(path, goCache);
  const known = recordedAt(path, record);
  try {
    return { ...known, condition: conditionOf(node, state, record) };
  } catch (error) {
    // One attachment must not hide the others.
    return { ...known, condition: "unreadable", unreadable: `cannot examine it: ${messageOf(error)}` };
  }
}

/** Returns the members of an attachment that its record contains. */
export function recordedAt(path: string, record: AttachmentRecord): Omit<ListedAttachment, "condition"> {
  return {
    path,
    name: { containerId: record.containerId, ifname: record.ifname },
    pci: record.vf.pci,
    pod: podOf(record),
    network: networkNameOf(record.call.stdin),
    netns: record.netns,
    since: record.since,
    record,
    goCache: undefined,
    pfGuid: record.kind === "vfio-pf" ? usableGuids([record.originals.portGuid])[0] : undefined,
  };
}

/** Returns the attachment that has a VF; `undefined` if the VF is free. */
export function attachmentOf(
  node: Node,
  attached: readonly ListedAttachment[],
  pci: string,
): ListedAttachment | undefined {
  const claims = attached.filter((each) => each.pci === pci);
  if (claims.length < 2) return claims[0];
  const { owner } = parseLockContents(new StateDirectory(node.files).vfNote(pci));
  return claims.find(({ name }) => name !== undefined && isNamed(owner, name)) ?? claims[0];
}

/**
 * Returns an attachment whose record is unreadable. Its owner and its VF are known from the VF's lock file, or else from
 * the members for the Go plugin, if those can be read.
 */
function unreadableAt(
  state: StateDirectory,
  { path, goCache }: StoredRecord,
  reason: string,
): ListedAttachment {
  const known = {
    ...unrecorded(path, goCache),
    condition: "unreadable",
    goCache: undefined,
    unreadable: reason,
  } as const;
  for (const pci of state.lockedVfs()) {
    const owner = ownerOf(state, pci);
    if (owner !== undefined && state.findAny(owner)?.path === path) return { ...known, name: owner, pci };
  }
  return known;
}

/** Returns the owner of a VF; `undefined` also if its lock file cannot be read, which must not hide all attachments. */
function ownerOf(state: StateDirectory, pci: string): AttachmentName | undefined {
  try {
    return parseLockContents(state.vfNote(pci)).owner;
  } catch {
    return undefined;
  }
}

function unrecorded(path: string, goCache: GoCache | undefined): ListedAttachment {
  return {
    path,
    condition: "go-plugin",
    name: goCache === undefined ? undefined : nameIn(path, goCache.ifname),
    pci: goCache?.pci,
    pod: undefined,
    network: undefined,
    netns: undefined,
    since: undefined,
    record: undefined,
    goCache,
  };
}

/** Returns container and interface from a path of the Go plugin, which puts a dash between them. */
function nameIn(path: string, ifname: string): AttachmentName | undefined {
  const file = baseName(path);
  if (ifname === "" || !file.endsWith(`-${ifname}`)) return undefined;
  return { containerId: file.slice(0, -ifname.length - 1), ifname };
}

function conditionOf(node: Node, state: StateDirectory, record: AttachmentRecord): Condition {
  if (record.state === "undo-failed") return "undo-failed";
  if (record.state === "preparing") return isLocked(node, state, record.vf.pci) ? "in progress" : "orphaned";
  const { vf } = record;
  if (!hasRecordedNetns(node, record))
    return !propertiesOf(record).hasRdmaDevices && node.functions.isOpenByVfio(vf.pci)
      ? "attached"
      : "orphaned";
  const isThere = isCurrent(node, record, () => node.functions.generation(vf.pci));
  return isThere || isUnseen(node, vf) ? "attached" : "destroyed";
}

/** Reports whether a call is working on the VF. */
function isLocked(node: Node, state: StateDirectory, pci: string): boolean {
  const lock = state.vfLock(pci);
  try {
    return !tryAcquire(lock, node.clock.now());
  } finally {
    lock.release();
  }
}
