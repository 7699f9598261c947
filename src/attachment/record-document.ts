import { fieldsOf, keptFields } from "../cni/configuration.ts";
import { fromJson, isObject } from "../cni/document.ts";
import { parseGuid } from "../infiniband/guid.ts";
import { parsePciAddress } from "../node/pci-address.ts";
import type { AttachmentRecord } from "./record.ts";

/**
 * The record as a file: a superset of the Go plugin's cache, so that either binary can detach what the other
 * attached. Our own part stands under one key that no field of Go's structures matches in any case.
 */
const ourKey = "attachment";

/** Layout of our part; a reader of another one leaves the record alone. */
const format = 1;

/** The text of the file. `pfName` is the PF's netdev, which the Go plugin looks up by name. */
export function recordDocument(record: AttachmentRecord, pfName: string): string {
  const config = keptFields(record.call.stdin);
  // A value of a type that Go does not expect there would make all of it unreadable.
  const text = (key: string, of = config) => {
    const value = of.raw(key);
    return typeof value === "string" ? value : "";
  };
  const { state, ...plan } = record;
  return JSON.stringify({
    // First, so that the state stands at the same place in every record: see stateOffset.
    [ourKey]: { format, state: stateLetter(state), ...plan },
    cniVersion: text("cniVersion"),
    name: text("name"),
    type: text("type"),
    ipam: { type: text("type", fieldsOf(config.raw("ipam"))) },
    Master: pfName,
    deviceID: record.vf.pci,
    VFID: record.vf.index,
    HostIFNames: record.found.name,
    // The Go plugin restores the VF's GUIDs exactly when this is not empty.
    HostIFGUID: record.wanted.guid === undefined ? "" : record.found.portGuid,
    ContIFNames: record.ifname,
    pkey: text("pkey"),
    // JSON.stringify leaves out what is undefined.
    link_state: record.wanted.linkState,
    vfioPciMode: record.mode === "vfio" || undefined,
    rdmaIsolation: record.wanted.rdmaIsolation,
    RdmaNetState: rdmaNetState(record),
    runtimeConfig: { infinibandGUID: record.wanted.guid ?? "" },
    args: { cni: null },
  });
}

/** What the Go plugin moves back where `rdmaIsolation` stands there; it knows one RDMA device only. */
function rdmaNetState({ found, vf, wanted }: AttachmentRecord) {
  const isolated = wanted.rdmaIsolation === true;
  const device = (isolated ? found.rdma?.devices[0] : undefined) ?? "";
  return {
    version: "",
    deviceID: isolated ? vf.pci : "",
    sandboxRdmaDevName: device,
    containerRdmaDevName: device,
  };
}

/** Where in the file its attachment's state stands, in bytes. */
export function stateOffset(): number {
  return `{"${ourKey}":{"format":${format},"state":"`.length;
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
 * @returns undefined where it holds no record of ours: not JSON, no part of ours, or one that is damaged.
 */
export function parseRecord(text: string): AttachmentRecord | undefined {
  const document = fromJson(text);
  const part = isObject(document) ? document[ourKey] : undefined;
  if (!isObject(part) || part.format !== format) return undefined;
  const named = { ...part, state: stateNamed(part.state) };
  return isRecord(named) ? named : undefined;
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
    isGuidOrAbsent(found.nodeGuid) &&
    isGuidOrAbsent(found.portGuid) &&
    isGuidOrAbsent(found.adminNodeGuid) &&
    isGuidOrAbsent(found.adminPortGuid) &&
    isLinkStateOrAbsent(found.linkState) &&
    (found.leftGuids === undefined ||
      (Array.isArray(found.leftGuids) && found.leftGuids.every(isGuidOrAbsent))) &&
    areRdmaNamesOrAbsent(found.rdma) &&
    isStringOrAbsent(found.deviceInfo) &&
    isStringOrAbsent(found.driverOverride)
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
