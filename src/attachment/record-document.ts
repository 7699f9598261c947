import { fieldsOf, keptFields } from "../cni/configuration.ts";
import { fromJson, isObject } from "../cni/document.ts";
import type { Fields } from "../cni/fields.ts";
import { parseGuid } from "../infiniband/guid.ts";
import { parsePciAddress } from "../node/pci-address.ts";
import type { AttachmentRecord } from "./record.ts";
import { planMembers, referenceMembers } from "./record-text.ts";

/**
 * The record as a file: a superset of the Go plugin's cache, so that either binary can detach what the other
 * attached. Our own part stands under one key that no field of Go's structures matches in any case.
 */
const ourKey = "attachment";

/** Layout of our part; a reader of another one leaves the record alone. */
const format = 1;
/** What every file of ours begins with. */
const BEGINNING = `{"${ourKey}":{"format":${format},"state":"`;

/**
 * The text of the file: our part, alone in the first line, and what the Go plugin reads.
 * @param pfName the PF's netdev, which the Go plugin looks up by name.
 */
export function recordDocument(record: AttachmentRecord, pfName: string): string {
  const config = keptFields(record.call.stdin);
  const configured = {
    cniVersion: textOf(config, "cniVersion"),
    name: textOf(config, "name"),
    type: textOf(config, "type"),
    ipamType: textOf(fieldsOf(config.raw("ipam")), "type"),
    pkey: textOf(config, "pkey"),
  };
  // The state first, so that it stands at the same place in every record: see stateOffset.
  const own = `${BEGINNING}${stateLetter(record.state)}",${planMembers(record)}}`;
  return `${own},\n${referenceMembers(record, pfName, configured)}}`;
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
