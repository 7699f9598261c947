import { fieldsOf, storedFields } from "../../cni/configuration.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Fields } from "../../cni/fields.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import { LONGEST_FILE } from "../../node/files.ts";
import { encodeRecord } from "./codec.ts";
import type { AttachmentRecord } from "./record.ts";

/** Bytes of a file that {@link requireRecordFits} reserves for the originals, and for keys of later versions. */
const RESERVED = 64 << 10;
/** The largest number of bytes of one UTF-16 unit as JSON in UTF-8: "\u0001". */
const LONGEST_ESCAPE = 6;

/**
 * Returns the text of a record file.
 * @param pfName the name of the PF's netdev, by which the Go plugin finds it.
 * @throws {CniError} code 7 if the file would be too long to be read.
 */
export function recordDocument(record: AttachmentRecord, pfName: string): string {
  const text = encodeRecord(record, goCacheOf(record, pfName, configuredTexts(record.call.stdin)));
  if (text.length * LONGEST_ESCAPE > LONGEST_FILE) requireAtMost(utf8Length(text), LONGEST_FILE);
  return text;
}

/** Strings of the network configuration; "" if a key is missing or has another type. */
export interface ConfiguredTexts {
  readonly cniVersion: string;
  readonly name: string;
  readonly type: string;
  readonly ipamType: string;
  readonly pkey: string;
}

/**
 * Returns the members that the Go plugin reads, under the names of its structures (pkg/types, NetConf). go-cache.ts
 * reads those that the Go plugin has written.
 * @param pfName name of the PF's netdev.
 */
export function goCacheOf(record: AttachmentRecord, pfName: string, configured: ConfiguredTexts): object {
  const { originals, vf, desired, kind } = record;
  const { guid, linkState, rdmaIsolation } = desired;
  // With `rdmaIsolation`, the Go plugin moves one RDMA device back; its cache has no place for more.
  const device = (rdmaIsolation === true ? originals.rdma?.devices[0] : undefined) ?? "";
  return {
    cniVersion: configured.cniVersion,
    name: configured.name,
    type: configured.type,
    ipam: { type: configured.ipamType },
    Master: pfName,
    deviceID: vf.pci,
    VFID: vf.index,
    HostIFNames: originals.name,
    // The Go plugin restores the VF's GUIDs if and only if HostIFGUID is not empty.
    HostIFGUID: guid === undefined ? "" : originals.portGuid,
    ContIFNames: record.ifname,
    pkey: configured.pkey,
    link_state: linkState,
    vfioPciMode: kind === "vfio" || kind === "vfio-pf" || undefined,
    rdmaIsolation,
    RdmaNetState: {
      version: "",
      deviceID: rdmaIsolation === true ? vf.pci : "",
      sandboxRdmaDevName: device,
      containerRdmaDevName: device,
    },
    runtimeConfig: { infinibandGUID: guid ?? "" },
    args: { cni: null },
  };
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
    stdin: JSON.stringify({ cniVersion, name, type, ipam: storedFields(stdin).raw("ipam") }),
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
  const config = storedFields(stdin);
  return {
    cniVersion: textOf(config, "cniVersion"),
    name: textOf(config, "name"),
    type: textOf(config, "type"),
    ipamType: textOf(fieldsOf(config.raw("ipam")), "type"),
    pkey: textOf(config, "pkey"),
  };
}

/**
 * Returns a string member; "" if it has another type. The record is also a cache of the Go plugin, which would reject the
 * whole file because of one member with an unexpected type.
 */
function textOf(fields: Fields, key: string): string {
  const value = fields.raw(key);
  return typeof value === "string" ? value : "";
}
