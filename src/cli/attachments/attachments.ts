import { parseLockContents } from "../../attachment/lock/contents.ts";
import { recordedNetns } from "../../attachment/netns.ts";
import type { GoCache } from "../../attachment/record/go-cache.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "../../attachment/record/record.ts";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import { isCurrent } from "../../attachment/undo/ownership.ts";
import { isUnseen } from "../../attachment/vf/function.ts";
import { argument, parseArgs } from "../../cni/args.ts";
import { networkNameOf } from "../../cni/configuration.ts";
import { TimeoutError } from "../../node/clock.ts";
import type { Node } from "../../node/node.ts";

/**
 * What an attachment is like.
 * - "attached": the container has the VF.
 * - "in progress": a call is at work on it.
 * - "dead": its namespace is gone, or the call that made it was killed.
 * - "destroyed": the container is there, but its VF was destroyed, or was destroyed and created again.
 * - "broken": something of it could not be put back.
 * - "foreign": the Go plugin made it, and does not say where the container is.
 * - "unreadable": the record cannot be read, and is taken for that of a running container.
 */
export type Condition =
  | "attached"
  | "in progress"
  | "dead"
  | "destroyed"
  | "broken"
  | "foreign"
  | "unreadable";

/** An attachment, as its record tells. */
export interface ListedAttachment {
  readonly path: string;
  readonly condition: Condition;
  /** Whose it is; undefined where the file does not say. */
  readonly name: AttachmentName | undefined;
  /** PCI address of the VF; undefined where the file does not say. */
  readonly pci: string | undefined;
  /** Name and namespace of the pod, where a kubelet has called. */
  readonly pod: string | undefined;
  readonly network: string | undefined;
  readonly netns: string | undefined;
  /** When ADD began, ms since 1970. */
  readonly since: number | undefined;
  /** undefined where the Go plugin made it, or nobody knows. */
  readonly record: AttachmentRecord | undefined;
  readonly reference: GoCache | undefined;
  /** Why the record cannot be read; `undefined` if it can. */
  readonly unreadable?: string | undefined;
}

/** All attachments of the node, by path. It walks over all records. */
export function attachmentsOf(node: Node): ListedAttachment[] {
  const state = new StateDirectory(node.files);
  return state
    .paths()
    .sort()
    .flatMap((path) => {
      const stored = state.readAny(path);
      if (stored === undefined) return [];
      const { record, reference, unreadable } = stored;
      if (unreadable !== undefined) return [unreadableAt(state, path, unreadable.reason)];
      if (record === undefined) return [unrecorded(path, reference)];
      const { stdin, args } = record.call;
      const attached: ListedAttachment = {
        path,
        condition: conditionOf(node, state, record),
        name: { containerId: record.containerId, ifname: record.ifname },
        pci: record.vf.pci,
        pod: kubernetesPodOf(args),
        network: networkNameOf(stdin),
        netns: record.netns,
        since: record.since,
        record,
        reference: undefined,
      };
      return [attached];
    });
}

/** The attachment that holds a VF; undefined where it is free. */
export function holderOf(
  node: Node,
  attached: readonly ListedAttachment[],
  pci: string,
): ListedAttachment | undefined {
  const claims = attached.filter((each) => each.pci === pci);
  if (claims.length < 2) return claims[0];
  const { owner } = parseLockContents(new StateDirectory(node.files).vfNote(pci));
  return claims.find(({ name }) => name !== undefined && isNamed(owner, name)) ?? claims[0];
}

/** "namespace/name" out of CNI_ARGS; undefined where no kubelet has called. */
export function kubernetesPodOf(args: string): string | undefined {
  const parsed = parseArgs(args);
  const name = argument(parsed, "K8S_POD_NAME");
  return name === undefined ? undefined : `${argument(parsed, "K8S_POD_NAMESPACE") ?? ""}/${name}`;
}

/** Only the VF's lock file says whose such a record is. */
function unreadableAt(state: StateDirectory, path: string, reason: string): ListedAttachment {
  for (const pci of state.lockedVfs()) {
    const { owner } = parseLockContents(state.vfNote(pci));
    if (owner !== undefined && state.findAny(owner)?.path === path)
      return {
        ...unrecorded(path, undefined),
        condition: "unreadable",
        name: owner,
        pci,
        unreadable: reason,
      };
  }
  return { ...unrecorded(path, undefined), condition: "unreadable", unreadable: reason };
}

function unrecorded(path: string, reference: GoCache | undefined): ListedAttachment {
  return {
    path,
    condition: "foreign",
    name: reference === undefined ? undefined : nameIn(path, reference.ifname),
    pci: reference?.pci,
    pod: undefined,
    network: undefined,
    netns: undefined,
    since: undefined,
    record: undefined,
    reference,
  };
}

/** The Go plugin names its file for the container and the interface, with a dash between them. */
function nameIn(path: string, ifname: string): AttachmentName | undefined {
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (ifname === "" || !file.endsWith(`-${ifname}`)) return undefined;
  return { containerId: file.slice(0, -ifname.length - 1), ifname };
}

function conditionOf(node: Node, state: StateDirectory, record: AttachmentRecord): Condition {
  if (record.state === "broken") return "broken";
  if (record.state === "preparing") return isLocked(node, state, record.vf.pci) ? "in progress" : "dead";
  const { mode, vf } = record;
  const lives = recordedNetns(node, record) !== undefined;
  if (!lives) return mode === "vfio" && node.functions.isOpenByVfio(vf.pci) ? "attached" : "dead";
  const isThere = isCurrent(node, record, () => node.functions.generation(vf.pci));
  return isThere || isUnseen(node, vf) ? "attached" : "destroyed";
}

/** Is a call at work on the VF? */
function isLocked(node: Node, state: StateDirectory, pci: string): boolean {
  const lock = state.vfLock(pci);
  try {
    lock.acquire(node.clock.now());
    return false;
  } catch (error) {
    if (error instanceof TimeoutError) return true;
    throw error;
  } finally {
    lock.release();
  }
}
