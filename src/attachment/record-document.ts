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
  const given = fromJson(record.call.stdin);
  const config = isObject(given) ? given : {};
  const { state, ...plan } = record;
  return JSON.stringify({
    // First, so that the state stands at the same place in every record: see stateOffset.
    [ourKey]: { format, state: stateLetter(state), ...plan },
    cniVersion: config.cniVersion ?? "",
    name: config.name ?? "",
    type: config.type ?? "",
    ipam: isObject(config.ipam) ? { type: config.ipam.type ?? "" } : {},
    Master: pfName,
    deviceID: record.vf.pci,
    VFID: record.vf.index,
    HostIFNames: record.found.name,
    // The Go plugin restores the VF's GUIDs exactly when this is not empty.
    HostIFGUID: record.wanted.guid === undefined ? "" : record.found.portGuid,
    ContIFNames: record.ifname,
    pkey: typeof config.pkey === "string" ? config.pkey : "",
    ...(record.wanted.linkState === undefined ? {} : { link_state: record.wanted.linkState }),
    RdmaNetState: { version: "", deviceID: "", sandboxRdmaDevName: "", containerRdmaDevName: "" },
    runtimeConfig: { infinibandGUID: record.wanted.guid ?? "" },
    args: { cni: null },
  });
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
    isObject(call) &&
    areStrings(call, ["stdin", "args", "path"])
  );
}

function isOriginals(found: Record<string, unknown>): boolean {
  return (
    areStrings(found, ["name", "nodeGuid", "portGuid", "driver"]) &&
    Array.isArray(found.altnames) &&
    found.altnames.every((name) => typeof name === "string") &&
    typeof found.mtu === "number" &&
    typeof found.up === "boolean" &&
    isGuidOrAbsent(found.nodeGuid) &&
    isGuidOrAbsent(found.portGuid) &&
    isGuidOrAbsent(found.adminNodeGuid) &&
    isGuidOrAbsent(found.adminPortGuid) &&
    isLinkStateOrAbsent(found.linkState) &&
    (found.leftGuids === undefined ||
      (Array.isArray(found.leftGuids) && found.leftGuids.every(isGuidOrAbsent))) &&
    (found.driverOverride === undefined || typeof found.driverOverride === "string")
  );
}

function areStrings(object: Record<string, unknown>, keys: readonly string[]): boolean {
  return keys.every((key) => typeof object[key] === "string");
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
