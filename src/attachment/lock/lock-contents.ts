import { fromJson, isObject } from "../../cni/document.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { LONGEST_LOCK_TEXT } from "../../node/files.ts";
import type { AttachmentName } from "../record/record.ts";
import { guid, listOf, number, object, type TypeOf, text } from "../record/schema.ts";

/** The contents of a VF's lock file: its owner. They stay in the file after the call that wrote them has ended. */
export interface LockContents {
  /** The attachment that the VF belongs to. */
  readonly owner: AttachmentName | undefined;
  /** The previous owner, if the ADD that restored it was killed before it was complete. */
  readonly predecessor: AttachmentName | undefined;
  /** ID of the boot during which the owner claimed the VF; `undefined` without an owner. */
  readonly ownerBoot: string | undefined;
  /** Whether this VF has unreleased leases. */
  readonly hasUnreleasedLeases: boolean;
  /** The VF's own GUIDs while an attachment gives it others; `undefined` otherwise. */
  readonly ownGuids: OwnGuids | undefined;
  /**
   * A GUID that a network has named for the VF and that is the VF's own, so that a DEL without a record does not take it
   * from the VF; `undefined` if no network has.
   */
  readonly confirmedGuid: Guid | undefined;
  /** The device files that the last pod of the VF has been given; `undefined` if they are not known. */
  readonly podFiles: PodFiles | undefined;
  /** The last call that held the lock. */
  readonly holder: Holder | undefined;
}

const attachmentName = object({ containerId: text, ifname: text });

const ownGuidsSchema = object({
  node: guid,
  port: guid,
  /** Other GUIDs that the VF may have: the attachment's GUID, and that of the orphaned attachment before it. */
  instead: listOf(guid),
  /** The generation of the VF, and the boot of the machine. The GUIDs are invalid for another generation or boot. */
  generation: text,
  bootId: text,
});

/**
 * The GUIDs that a VF gets back when its attachment ends. They are in the record as well. If the record is lost, this
 * copy prevents the container's GUID from being mistaken for the VF's own.
 */
export type OwnGuids = TypeOf<typeof ownGuidsSchema>;

const podFilesSchema = object({
  /** K8S_POD_UID; without it, the {@link containerKey}. */
  pod: text,
  /** Names of the files of the VF below /dev/infiniband, e.g. "uverbs1". */
  files: listOf(text),
});

/**
 * The device files of a VF when the first ADD for a pod began: those that the pod has been given, as far as ADD can
 * know. A rebind can change the numbers, and a pod keeps its files as long as it exists, through every retry of ADD.
 */
export type PodFiles = TypeOf<typeof podFilesSchema>;

const holderSchema = object({
  /** In the pid namespace of the call. */
  pid: number,
  /** E.g. "ADD of container c1". */
  verb: text,
  /** ms since 1970. */
  since: number,
});

/** A call's description of itself in the lock file that it holds. */
export type Holder = TypeOf<typeof holderSchema>;

/** Returns the end of a container ID: the lock file has no room for a third ID of maximum length. */
export function containerKey(containerId: string): string {
  return containerId.slice(-64);
}

/** Bytes of "…" in UTF-8. */
const ELLIPSIS_BYTES = 3;

/**
 * Returns the text of a lock file. If it would be too long, the description of the call is cut, which only messages
 * show; names and GUIDs always fit (StateDirectory.nameFits, ownGuids).
 */
export function encodeLockContents(contents: LockContents): string {
  const text = encodeWhole(contents);
  const excess = utf8Length(text) - LONGEST_LOCK_TEXT;
  const { holder } = contents;
  if (excess <= 0 || holder === undefined) return text;
  const verb = `${holder.verb.slice(0, Math.max(0, holder.verb.length - excess - ELLIPSIS_BYTES))}…`;
  return encodeWhole({ ...contents, holder: { ...holder, verb } });
}

/** Members that are `undefined` are left out. */
function encodeWhole(contents: LockContents): string {
  const { owner, predecessor, ownerBoot, hasUnreleasedLeases, ownGuids, confirmedGuid, podFiles, holder } =
    contents;
  return JSON.stringify({
    owner,
    predecessor,
    ownerBoot,
    hasUnreleasedLeases: hasUnreleasedLeases || undefined,
    ownGuids,
    confirmedGuid,
    podFiles,
    holder,
  });
}

/** Parses the text of a lock file. Members that are missing or invalid are ignored. */
export function parseLockContents(text: string): LockContents {
  const note = fromJson(text);
  const { owner, predecessor, ownerBoot, hasUnreleasedLeases, ownGuids, confirmedGuid, podFiles, holder } =
    isObject(note) ? note : {};
  return {
    owner: attachmentName(owner) ? owner : undefined,
    predecessor: attachmentName(predecessor) ? predecessor : undefined,
    ownerBoot: typeof ownerBoot === "string" ? ownerBoot : undefined,
    hasUnreleasedLeases: hasUnreleasedLeases === true,
    ownGuids: ownGuidsSchema(ownGuids) ? ownGuids : undefined,
    confirmedGuid: guid(confirmedGuid) ? confirmedGuid : undefined,
    podFiles: podFilesSchema(podFiles) ? podFiles : undefined,
    holder: holderSchema(holder) ? holder : undefined,
  };
}
