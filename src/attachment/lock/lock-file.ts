import { fromJson, isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { AttachmentName } from "../record/record.ts";

/** The contents of a lock file. They stay in the file after the call that wrote them has ended. */
export interface LockContents {
  /** The attachment that the VF belongs to. */
  readonly owner: AttachmentName | undefined;
  /** The previous owner, if the takeover from it was killed before it was complete. */
  readonly predecessor: AttachmentName | undefined;
  /** The boot of the machine in which the owner claimed the VF; `undefined` in files of older versions. */
  readonly ownerBoot: string | undefined;
  /** Whether this VF has pending releases. */
  readonly owes: boolean;
  /** The VF's own GUIDs while an attachment gives it others; `undefined` otherwise. */
  readonly ownGuids: OwnGuids | undefined;
  /** The last call that held the lock. */
  readonly holder: Holder | undefined;
}

/**
 * The GUIDs that a VF gets back when its attachment ends. They are in the record as well. If the record is lost, this
 * copy prevents the container's GUID from being mistaken for the VF's own.
 */
export interface OwnGuids {
  readonly node: Guid;
  readonly port: Guid;
  /** Other GUIDs that the VF may have: the attachment's GUID, and that of the orphaned attachment before it. */
  readonly instead: readonly Guid[];
  /** The generation of the VF, and the boot of the machine. The GUIDs are invalid for another generation or boot. */
  readonly incarnation: string;
  readonly bootId: string;
}

/** A call's description of itself in the lock file that it holds. */
export interface Holder {
  /** In the pid namespace of the call. */
  readonly pid: number;
  /** E.g. "ADD of container c1". */
  readonly verb: string;
  /** ms since 1970. */
  readonly since: number;
}

/** Returns the text of a lock file. */
export function encodeLockContents({
  owner,
  predecessor,
  ownerBoot,
  owes,
  ownGuids,
  holder,
}: LockContents): string {
  // Every call writes three or four of these texts, and JSON.stringify of an object takes three times as long.
  let text = "";
  if (owner !== undefined) text += `,"owner":${nameText(owner)}`;
  if (predecessor !== undefined) text += `,"predecessor":${nameText(predecessor)}`;
  if (ownerBoot !== undefined) text += `,"boot":${JSON.stringify(ownerBoot)}`;
  if (owes) text += ',"owes":true';
  if (ownGuids !== undefined) text += `,"ownGuids":${JSON.stringify(ownGuids)}`;
  if (holder !== undefined) {
    const { pid, verb, since } = holder;
    text += `,"holder":{"pid":${pid},"verb":${JSON.stringify(verb)},"since":${since}}`;
  }
  return `{${text.slice(1)}}`;
}

function nameText({ containerId, ifname }: AttachmentName): string {
  return `{"containerId":${JSON.stringify(containerId)},"ifname":${JSON.stringify(ifname)}}`;
}

/** Parses the text of a lock file. Members that are missing or invalid are ignored. */
export function parseLockContents(text: string): LockContents {
  const note = fromJson(text);
  const { owner, predecessor, boot, owes, ownGuids, holder } = isObject(note) ? note : {};
  return {
    owner: nameIn(owner),
    predecessor: nameIn(predecessor),
    ownerBoot: typeof boot === "string" ? boot : undefined,
    owes: owes === true,
    ownGuids: ownGuidsIn(ownGuids),
    holder: holderIn(holder),
  };
}

function nameIn(value: unknown): AttachmentName | undefined {
  if (!isObject(value)) return undefined;
  const { containerId, ifname } = value;
  return typeof containerId === "string" && typeof ifname === "string" ? { containerId, ifname } : undefined;
}

function ownGuidsIn(value: unknown): OwnGuids | undefined {
  if (!isObject(value) || !Array.isArray(value.instead)) return undefined;
  const { incarnation, bootId } = value;
  if (typeof incarnation !== "string" || typeof bootId !== "string") return undefined;
  const [node, port, ...instead] = [value.node, value.port, ...value.instead].map(guidIn);
  if (node === undefined || port === undefined || !instead.every((guid) => guid !== undefined))
    return undefined;
  return { node, port, instead, incarnation, bootId };
}

function guidIn(value: unknown): Guid | undefined {
  return typeof value === "string" ? parseGuid(value) : undefined;
}

function holderIn(value: unknown): Holder | undefined {
  if (!isObject(value)) return undefined;
  const { pid, verb, since } = value;
  if (typeof pid !== "number" || typeof verb !== "string" || typeof since !== "number") return undefined;
  return { pid, verb, since };
}
