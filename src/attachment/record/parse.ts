import { fieldsOf, keptFields } from "../../cni/configuration.ts";
import { fromJson, isObject } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Fields } from "../../cni/fields.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import { parseGuid } from "../../infiniband/guid.ts";
import { LONGEST_FILE } from "../../node/files.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import type { AttachmentRecord } from "./record.ts";
import { type ConfiguredTexts, goCacheMembers, planMembers } from "./serialize.ts";
import type { Unreadable } from "./unreadable.ts";

/**
 * The key of the member with the record of ib-sriov. The file is a superset of the Go plugin's cache, so that each of
 * the two plugins can undo an attachment of the other. Go matches keys without regard to case, and no field of the Go
 * plugin's structures matches this key.
 */
const attachmentKey = "attachment";

/** Layout of the member `attachment`. A version that reads another layout does not change the record. */
const format = 1;
/** The beginning of every record file. */
const BEGINNING = `{"${attachmentKey}":{"format":${format},"state":"`;

/** Bytes of a file that {@link requireRecordFits} reserves for the originals, and for keys of later versions. */
const RESERVED = 64 << 10;
/** The largest number of bytes of one UTF-16 unit as JSON in UTF-8: "\u0001". */
const LONGEST_ESCAPE = 6;

/**
 * Returns the text of a record file: the member `attachment`, alone in the first line, and then the Go plugin's
 * members.
 * @param pfName the name of the PF's netdev, by which the Go plugin finds it.
 * @throws {CniError} code 7 if the file would be too long to be read.
 */
export function recordDocument(record: AttachmentRecord, pfName: string): string {
  // The state comes first, so that it is at the same place in every record: see stateOffset.
  const own = `${BEGINNING}${stateLetter(record.state)}",${planMembers(record)}}`;
  const text = `${own},\n${goCacheMembers(record, pfName, configuredTexts(record.call.stdin))}}`;
  if (text.length * LONGEST_ESCAPE > LONGEST_FILE) requireAtMost(utf8Length(text), LONGEST_FILE);
  return text;
}

/** The part of the ADD call that its record contains. */
type RecordedCall = AttachmentRecord["call"];

/**
 * Requires that a record of this call can be read back. ADD checks this before it reads or changes anything.
 * @throws {CniError} code 7 with the limit, if it is too long.
 */
export function requireRecordFits(call: RecordedCall): void {
  requireAtMost(recordedBytes(call), LONGEST_FILE - RESERVED);
}

/** Returns the call; if its record would be too long, only with the configuration keys that an IPAM plugin needs. */
export function callThatFits({ stdin, args, path }: RecordedCall): RecordedCall {
  if (recordedBytes({ stdin, args, path }) <= LONGEST_FILE - RESERVED) return { stdin, args, path };
  const { cniVersion, name, type } = configuredTexts(stdin);
  return {
    stdin: JSON.stringify({ cniVersion, name, type, ipam: keptFields(stdin).raw("ipam") }),
    args,
    path,
  };
}

/** Returns the number of bytes that the call takes in a record; for a short call, an upper bound. */
function recordedBytes({ stdin, args, path }: RecordedCall): number {
  // Escapes count: Go writes "<" as "\u003c". A record contains the configuration as a string, with that as "\\u003c".
  const bound = (stdin.length + args.length + path.length) * LONGEST_ESCAPE * 2;
  if (bound <= LONGEST_FILE - RESERVED) return bound;
  const texts = [stdin, args, path, ...Object.values(configuredTexts(stdin))];
  return texts.reduce((sum, text) => sum + utf8Length(JSON.stringify(text)), 0);
}

function requireAtMost(bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new CniError(
    codes.badConfiguration,
    `network configuration: with CNI_ARGS and CNI_PATH it takes ${bytes} bytes of the attachment's record, and the ` +
      `limit is ${limit}; shorten it, or what the runtime adds to it (runtimeConfig, args, prevResult)`,
  );
}

/** Returns those texts of a configuration that the Go plugin reads. */
function configuredTexts(stdin: string): ConfiguredTexts {
  const config = keptFields(stdin);
  return {
    cniVersion: textOf(config, "cniVersion"),
    name: textOf(config, "name"),
    type: textOf(config, "type"),
    ipamType: textOf(fieldsOf(config.raw("ipam")), "type"),
    pkey: textOf(config, "pkey"),
  };
}

/** Returns a string member; "" for another type, because an unexpected type makes the whole file unreadable for Go. */
function textOf(fields: Fields, key: string): string {
  const value = fields.raw(key);
  return typeof value === "string" ? value : "";
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

/**
 * Parses a record file. The members for the Go plugin are not read.
 * @returns `undefined` if the file contains no record of ib-sriov: the member `attachment` is missing, is not JSON, or
 * is damaged.
 */
export function parseRecord(text: string): AttachmentRecord | undefined {
  const document = attachmentPart(text) ?? fromJson(text);
  const part = isObject(document) ? document[attachmentKey] : undefined;
  if (!isObject(part) || part.format !== format) return undefined;
  const named = { ...part, state: stateNamed(part.state) };
  return isRecord(named) ? named : undefined;
}

/**
 * Returns why {@link parseRecord} cannot read a file that is a record of ib-sriov; `undefined` if the file has no
 * member `attachment`. Two members keep their place and meaning in every later format: `attachment.format`, a number,
 * and `attachment.needs`, the oldest version of ib-sriov that can read the record (docs/architecture.md).
 */
export function unreadableIn(text: string): Unreadable | undefined {
  const document = fromJson(text);
  const part = isObject(document) ? document[attachmentKey] : undefined;
  if (part === undefined) {
    const isTruncated = text.startsWith(`{"${attachmentKey}":`);
    return isTruncated ? { kind: "damaged", reason: "it is truncated, or is not JSON" } : undefined;
  }
  if (!isObject(part) || typeof part.format !== "number" || part.format <= format)
    return { kind: "damaged", reason: "a member of it is missing, or has the wrong type" };
  const needed = typeof part.needs === "string" ? `version ${part.needs} or a later one` : "a later version";
  return {
    kind: "later format",
    reason: `it has format ${part.format}, and this version of ib-sriov reads format ${format}: ${needed} is needed`,
  };
}

/**
 * Returns the file with only its member `attachment`, if that is alone in the first line: to parse the other members
 * would take the same time again.
 */
function attachmentPart(text: string): unknown {
  // Another beginning means that another program has written the file, such as jq.
  const end = text.startsWith(BEGINNING) ? text.indexOf(",\n") : -1;
  return end < 0 ? undefined : fromJson(`${text.slice(0, end)}}`);
}

function stateNamed(letter: unknown): AttachmentRecord["state"] | undefined {
  const states = ["preparing", "complete", "broken"] as const;
  return states.find((state) => stateLetter(state) === letter);
}

/** Checks the structure without a schema library: every DEL reads a record, and a library would cost start-up time. */
function isRecord(part: Record<string, unknown>): part is Record<string, unknown> & AttachmentRecord {
  const { vf, found, wanted, call } = part;
  return (
    part.state !== undefined &&
    areStrings(part, ["containerId", "ifname", "netns", "netnsCookie", "bootId"]) &&
    typeof part.since === "number" &&
    (part.mode === undefined || part.mode === "vfio" || part.mode === "rdma") &&
    isObject(vf) &&
    areStrings(vf, ["incarnation"]) &&
    isPciAddress(vf.pci) &&
    isPciAddress(vf.pf) &&
    typeof vf.index === "number" &&
    isObject(found) &&
    isOriginals(found) &&
    isObject(wanted) &&
    isGuidOrAbsent(wanted.guid) &&
    isLinkStateOrAbsent(wanted.linkState) &&
    (wanted.rdmaIsolation === undefined || wanted.rdmaIsolation === true) &&
    isNumberOrAbsent(wanted.mtu) &&
    isNumberOrAbsent(wanted.carrierTime) &&
    isPartitionOrAbsent(wanted.partition) &&
    isStringOrAbsent(wanted.deviceInfo) &&
    isObject(call) &&
    areStrings(call, ["stdin", "args", "path"])
  );
}

function isOriginals(found: Record<string, unknown>): boolean {
  return (
    areStrings(found, ["name", "nodeGuid", "portGuid", "driver"]) &&
    isStringArray(found.altnames) &&
    isNumberOrAbsent(found.mtu) &&
    (found.up === undefined || typeof found.up === "boolean") &&
    areSettingsOrAbsent(found.settings) &&
    areNapiSettingsOrAbsent(found.napi) &&
    (found.tcx === undefined || (Array.isArray(found.tcx) && found.tcx.every(isNumberOrAbsent))) &&
    isGuidOrAbsent(found.nodeGuid) &&
    isGuidOrAbsent(found.portGuid) &&
    isGuidOrAbsent(found.adminNodeGuid) &&
    isGuidOrAbsent(found.adminPortGuid) &&
    isLinkStateOrAbsent(found.linkState) &&
    (found.leftGuids === undefined ||
      (Array.isArray(found.leftGuids) && found.leftGuids.every(isGuidOrAbsent))) &&
    areRdmaNamesOrAbsent(found.rdma) &&
    isStringOrAbsent(found.deviceInfo)
  );
}

function areSettingsOrAbsent(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isObject(value) || typeof value.alias !== "string" || !isStringOrAbsent(value.broadcast)) return false;
  const { flags, xdpGeneric, xdpDriver, xdpHardware, alias: _, broadcast: __, ...others } = value;
  return (
    [flags, xdpGeneric, xdpDriver, xdpHardware].every((each) => typeof each === "number") &&
    Object.values(others).every(isNumberOrAbsent)
  );
}

function areNapiSettingsOrAbsent(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    isObject(value) && areStrings(value, ["groFlushTimeout"]) && Object.values(value).every(isStringOrAbsent)
  );
}

function isPartitionOrAbsent(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isObject(value) || typeof value.time !== "number" || !isObject(value.pkey)) return false;
  return typeof value.pkey.partition === "number" && typeof value.pkey.fullMember === "boolean";
}

function areRdmaNamesOrAbsent(value: unknown): boolean {
  if (value === undefined) return true;
  return isObject(value) && isStringArray(value.devices) && isStringArray(value.files);
}

function isStringArray(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function areStrings(object: Record<string, unknown>, keys: readonly string[]): boolean {
  return keys.every((key) => typeof object[key] === "string");
}

function isStringOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isNumberOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "number";
}

/** Reports whether a value is a valid PCI address. This is checked because the address becomes a part of paths. */
function isPciAddress(value: unknown): boolean {
  return typeof value === "string" && parsePciAddress(value) === value;
}

function isGuidOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && parseGuid(value) === value);
}

function isLinkStateOrAbsent(value: unknown): boolean {
  return value === undefined || value === "auto" || value === "enable" || value === "disable";
}
