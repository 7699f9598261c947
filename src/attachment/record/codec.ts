import { fromJson, isObject } from "../../cni/document.ts";
import { type AttachmentRecord, attachmentRecord } from "./record.ts";
import type { Unreadable } from "./unreadable.ts";

/**
 * The key of the member with the record of ib-sriov. The file is a superset of the Go plugin's cache, so that each of
 * the two plugins can undo an attachment of the other. Go matches keys without regard to case, and no field of the Go
 * plugin's structures matches this key.
 */
const KEY = "attachment";

/** Layout of the member `attachment`. A version that reads another layout does not change the record. */
const FORMAT = 1;
/** The beginning of every record file. */
const BEGINNING = `{"${KEY}":{"format":${FORMAT},"state":"`;

/**
 * Returns the text of a record file: the member `attachment`, alone in the first line, and then the Go plugin's
 * members.
 * @param goCache the Go plugin's members.
 */
export function encodeRecord(record: AttachmentRecord, goCache: object): string {
  return inTwoLines(documentOf(record), goCache);
}

function inTwoLines(part: object, others: object): string {
  const own = JSON.stringify({ [KEY]: part });
  return Object.keys(others).length === 0 ? own : `${own.slice(0, -1)},\n${JSON.stringify(others).slice(1)}`;
}

/** Reports whether a record file begins as {@link encodeRecord} writes it, so that its state can be patched. */
export function isPatchable(text: string): boolean {
  return text.startsWith(BEGINNING);
}

/** Returns the text of a record file that another program, such as jq, has rewritten, with another state. */
export function withState(text: string, state: AttachmentRecord["state"]): string {
  const { [KEY]: part, ...others } = objectOf(fromJson(text));
  const { format, state: _, ...rest } = objectOf(part);
  // Format and state come first, so that the next change is one byte again.
  return inTwoLines({ format, state: stateLetter(state), ...rest }, others);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/**
 * Returns the member `attachment`. The state comes first, so that it is at the same place in every file: see
 * {@link stateOffset}.
 */
function documentOf({ state, ...others }: AttachmentRecord) {
  return { format: FORMAT, state: stateLetter(state), ...others };
}

/**
 * Parses a record file. The members for the Go plugin are not read.
 * @returns `undefined` if the file contains no record of ib-sriov: the member `attachment` is missing, is not JSON, or
 * is damaged.
 */
export function parseRecord(text: string): AttachmentRecord | undefined {
  const document = attachmentPart(text) ?? fromJson(text);
  const part = isObject(document) ? document[KEY] : undefined;
  if (!isObject(part) || part.format !== FORMAT) return undefined;
  const { format: _, state, ...others } = part;
  const record = { ...others, state: stateNamed(state) };
  return attachmentRecord(record) ? record : undefined;
}

/**
 * Returns why {@link parseRecord} cannot read a file that is a record of ib-sriov; `undefined` if the file has no
 * member `attachment`. Two members keep their place and meaning in every later format: `attachment.format`, a number,
 * and `attachment.needs`, the oldest version of ib-sriov that can read the record (docs/explanation/architecture.md).
 */
export function unreadableIn(text: string): Unreadable | undefined {
  const document = fromJson(text);
  const part = isObject(document) ? document[KEY] : undefined;
  if (part === undefined) {
    const isTruncated = text.startsWith(`{"${KEY}":`);
    return isTruncated ? { kind: "damaged", reason: "it is truncated, or is not JSON" } : undefined;
  }
  if (!isObject(part) || typeof part.format !== "number" || part.format <= FORMAT)
    return { kind: "damaged", reason: "a member of it is missing, or has the wrong type" };
  const needed = typeof part.needs === "string" ? `version ${part.needs} or a later one` : "a later version";
  return {
    kind: "later format",
    reason: `it has format ${part.format}, and this version of ib-sriov reads format ${FORMAT}: ${needed} is needed`,
  };
}

/**
 * Returns the file with only its member `attachment`, if that is alone in the first line: to parse the other members
 * would take the same time again.
 */
function attachmentPart(text: string): unknown {
  // Another beginning means that another program has written the file, such as jq.
  const end = isPatchable(text) ? text.indexOf(",\n") : -1;
  return end < 0 ? undefined : fromJson(`${text.slice(0, end)}}`);
}

/** Returns the offset of the attachment's state in the file, bytes. */
export function stateOffset(): number {
  return BEGINNING.length;
}

/**
 * Returns a state as the file contains it, by its first letter. The state is the only part of a record that changes.
 * The change is one byte, so it is atomic: a kill cannot interrupt it, and a reader without the VF's lock never sees
 * half of it.
 */
export function stateLetter(state: AttachmentRecord["state"]): string {
  return state.charAt(0);
}

function stateNamed(letter: unknown): AttachmentRecord["state"] | undefined {
  const states = ["preparing", "complete", "undo-failed"] as const;
  return states.find((state) => stateLetter(state) === letter);
}
