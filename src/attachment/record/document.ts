import { fieldsOf, keptFields } from "../../cni/configuration.ts";
import { fromJson, isObject } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Fields } from "../../cni/fields.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import { parseGuid } from "../../infiniband/guid.ts";
import { LONGEST_FILE } from "../../node/files.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import type { AttachmentRecord } from "./record.ts";
import { type ConfiguredTexts, goCacheMembers, planMembers } from "./text.ts";
import type { Unreadable } from "./unreadable.ts";

/**
 * The record as a file: a superset of the Go plugin's cache, so that either binary can detach what the other
 * attached. Our own part stands under one key that no field of Go's structures matches in any case.
 */
const ourKey = "attachment";

/** Layout of our part; a reader of another one leaves the record alone. */
const format = 1;
/** What every file of ours begins with. */
const BEGINNING = `{"${ourKey}":{"format":${format},"state":"`;

/** Bytes of a file that {@link requireRecordFits} leaves to the originals, and to keys that a later version adds. */
const RESERVED = 64 << 10;
/** The most that one UTF-16 unit becomes as JSON in UTF-8, bytes: "\u0001". */
const LONGEST_ESCAPE = 6;

/**
 * The text of the file: our part, alone in the first line, and what the Go plugin reads.
 * @param pfName the PF's netdev, which the Go plugin looks up by name.
 * @throws {CniError} 7 if the file would be too long to be read back.
 */
export function recordDocument(record: AttachmentRecord, pfName: string): string {
  // The state first, so that it stands at the same place in every record: see stateOffset.
  const own = `${BEGINNING}${stateLetter(record.state)}",${planMembers(record)}}`;
  const text = `${own},\n${goCacheMembers(record, pfName, configuredTexts(record.call.stdin))}}`;
  if (text.length * LONGEST_ESCAPE > LONGEST_FILE) requireAtMost(utf8Length(text), LONGEST_FILE);
  return text;
}

/** What a record keeps of the call that made it. */
type RecordedCall = AttachmentRecord["call"];

/**
 * Requires that a record of this call can be read back: before anything is read or changed for it.
 * @throws {CniError} 7, with the limit, if it is too long.
 */
export function requireRecordFits(call: RecordedCall): void {
  requireAtMost(recordedBytes(call), LONGEST_FILE - RESERVED);
}

/** Returns the call, if a record of it can be read back, else with what an IPAM plugin needs of its configuration. */
export function callThatFits({ stdin, args, path }: RecordedCall): RecordedCall {
  if (recordedBytes({ stdin, args, path }) <= LONGEST_FILE - RESERVED) return { stdin, args, path };
  const { cniVersion, name, type } = configuredTexts(stdin);
  return {
    stdin: JSON.stringify({ cniVersion, name, type, ipam: keptFields(stdin).raw("ipam") }),
    args,
    path,
  };
}

/** Returns how many bytes of a record are the call's; of a short call, only an upper bound. */
function recordedBytes({ stdin, args, path }: RecordedCall): number {
  // Escapes count: Go writes "<" as "\u003c", which a record, that has the configuration as a string, writes as "\\u003c".
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

/** Returns what the Go plugin reads of a configuration. */
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

/** A value of a type that Go does not expect there would make all of it unreadable. */
function textOf(fields: Fields, key: string): string {
  const value = fields.raw(key);
  return typeof value === "string" ? value : "";
}

/** Where in the file its attachment's state stands, in bytes. */
export function stateOffset(): number {
  return BEGINNING.length;
}

/**
 * The state as it stands there: its first letter. It is all of a record that ever changes, and so the change is one
 * byte, which a kill cannot tear, nor a reader without the VF's lock see half of.
 */
export function stateLetter(state: AttachmentRecord["state"]): string {
  return state.charAt(0);
}

/**
 * Reads such a file back.
 * @returns undefined where it holds no record of ours: no part of ours that is JSON, or one that is damaged.
 * What the Go plugin reads is not looked at.
 */
export function parseRecord(text: string): AttachmentRecord | undefined {
  const document = ourDocument(text) ?? fromJson(text);
  const part = isObject(document) ? document[ourKey] : undefined;
  if (!isObject(part) || part.format !== format) return undefined;
  const named = { ...part, state: stateNamed(part.state) };
  return isRecord(named) ? named : undefined;
}

/**
 * Returns why a file that {@link parseRecord} does not read is a record of ours all the same; `undefined` if it has no part
 * of ours. Of a later format these members keep their place and meaning: `attachment.format`, a number, and
 * `attachment.needs`, the oldest version of ib-sriov that reads it (docs/architecture.md).
 */
export function unreadableIn(text: string): Unreadable | undefined {
  const document = fromJson(text);
  const part = isObject(document) ? document[ourKey] : undefined;
  if (part === undefined) {
    const isCut = text.startsWith(`{"${ourKey}":`);
    return isCut ? { kind: "damaged", reason: "it is cut off, or is no JSON" } : undefined;
  }
  if (!isObject(part) || typeof part.format !== "number" || part.format <= format)
    return { kind: "damaged", reason: "a member of it is missing, or is of another kind" };
  const needed = typeof part.needs === "string" ? `version ${part.needs} or a later one` : "a later version";
  return {
    kind: "later format",
    reason: `it has format ${part.format}, and this version of ib-sriov reads format ${format}: ${needed} is needed`,
  };
}

/** Our part alone, where it is in a line of its own: to read the other one would take as long. */
function ourDocument(text: string): unknown {
  // Anything else before it is somebody else's work, e.g. jq's.
  const end = text.startsWith(BEGINNING) ? text.indexOf(",\n") : -1;
  return end < 0 ? undefined : fromJson(`${text.slice(0, end)}}`);
}

function stateNamed(letter: unknown): AttachmentRecord["state"] | undefined {
  const states = ["preparing", "complete", "broken"] as const;
  return states.find((state) => stateLetter(state) === letter);
}

/** The shape, checked by hand: a record is read on every DEL, and a schema library costs start-up on each. */
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

/** It becomes a part of paths. */
function isPciAddress(value: unknown): boolean {
  return typeof value === "string" && parsePciAddress(value) === value;
}

function isGuidOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && parseGuid(value) === value);
}

function isLinkStateOrAbsent(value: unknown): boolean {
  return value === undefined || value === "auto" || value === "enable" || value === "disable";
}
