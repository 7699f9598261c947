// The settings of an attachment that the network configuration asks for: how each is read from the configuration, and
// which value it has in a record. A new setting is added here, and in the step that applies it.

import { showValue } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Fields } from "../../cni/fields.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { formatPKey, type PKey, parsePKey } from "../../infiniband/pkey.ts";
import type { LinkState } from "../../node/links.ts";
import { boolean, guid, number, object, oneOf, optional, type Schema, type TypeOf, text } from "./schema.ts";

/** Smallest MTU of IPv4 (RFC 791), and largest MTU of IPoIB (connected mode: IPOIB_CM_MTU, ipoib.h). */
const LEAST_MTU = 68;
const MOST_MTU = 65_520;

/** One setting. */
interface Setting<T> {
  /** Its key in the network configuration, and a further key that it needs. */
  readonly keys: readonly string[];
  /**
   * Reads it from the network configuration; returns `undefined` if it is not set.
   * @param warnings gets a sentence for a value that another program reads differently.
   * @throws {CniError} code 7, naming the key and the value, if it is invalid.
   */
  readonly read: (fields: Fields, warnings: string[]) => T;
  /** The schema of its value in a record. */
  readonly schema: Schema<T>;
}

/** Names the type of a setting, so that the compiler compares what is read with what is recorded. */
const setting = <T>(each: Setting<T>): Setting<T> => each;

/** The schema of a link policy. */
export const linkState: Schema<LinkState> = oneOf("auto", "enable", "disable");

/** All settings but the GUID, which has several sources (network-config/guid-precedence.ts). */
export const settings = {
  /** The partition in which the VF's port must be, and the time limit for that, ms. */
  partition: setting({
    keys: ["waitForPkeySeconds", "pkey"],
    read: readPartition,
    schema: optional(object({ pkey: object({ partition: number, fullMember: boolean }), time: number })),
  }),
  /** The link policy that the PF has for the VF; if it is not set, the policy stays as it is. */
  linkState: setting({ keys: ["link_state"], read: readLinkState, schema: optional(linkState) }),
  /** Whether the container gets the VF's RDMA devices exclusively. */
  rdmaIsolation: setting({
    keys: ["rdmaIsolation"],
    read: (fields) => fields.boolean("rdmaIsolation") || undefined,
    schema: optional(oneOf(true)),
  }),
  /** MTU of the container's interface, bytes; if it is not set, the interface keeps the MTU of the VF on the host. */
  mtu: setting({
    keys: ["mtu"],
    read: (fields) => fields.integer("mtu", LEAST_MTU, MOST_MTU),
    schema: optional(number),
  }),
  /** Time limit for the carrier, ms; if it is not set, ADD does not require a carrier. */
  carrierTime: setting({
    keys: ["waitForCarrierSeconds"],
    read: (fields) => readSeconds(fields, "waitForCarrierSeconds"),
    schema: optional(number),
  }),
  /** Path of the device information file that Multus has created for the attachment. */
  deviceInfo: setting({ keys: [], read: readDeviceInfo, schema: optional(text) }),
};

/** The name of a setting. */
export type SettingName = keyof typeof settings;

/** The settings of an attachment; those that the network does not set are `undefined`. */
export type Settings = { readonly [Name in SettingName]?: TypeOf<(typeof settings)[Name]["schema"]> };

/** The settings of an attachment, and the GUID that its VF gets. */
export interface Desired extends Settings {
  /** `undefined` if the VF keeps its own GUIDs. */
  readonly guid?: Guid | undefined;
}

const entries = Object.entries(settings) as readonly (readonly [SettingName, Setting<unknown>])[];
const schemas = Object.fromEntries(entries.map(([name, { schema }]) => [name, schema]));

/** The schema of {@link Desired} in a record. */
export const desired = object({ guid: optional(guid), ...schemas }) as Schema<Desired>;

/**
 * Reads the settings from a network configuration.
 * @param warnings gets a sentence for each value that another program reads differently.
 * @throws {CniError} code 7, naming the key and the value, at the first invalid setting.
 */
export function readSettings(fields: Fields, warnings: string[]): Settings {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const [name, { read }] of entries) values[name] = read(fields, warnings);
  return values as Settings;
}

/** Reads a key that contains seconds, and returns ms. */
export function readSeconds(fields: Fields, key: string): number | undefined {
  const value = fields.integer(key, 1, 3600);
  return value === undefined ? undefined : value * 1000;
}

/** Returns the partition that ADD waits for, if the network asks ADD to wait. A pkey is checked in any case. */
function readPartition(
  fields: Fields,
  warnings: string[],
): { readonly pkey: PKey; readonly time: number } | undefined {
  const pkey = readPKey(fields, warnings);
  const time = readSeconds(fields, "waitForPkeySeconds");
  if (time === undefined) return undefined;
  if (pkey !== undefined) return { pkey, time };
  throw new CniError(
    codes.badConfiguration,
    `network configuration: waitForPkeySeconds is ${time / 1000}, but pkey is missing; set pkey to the partition that ADD must wait for`,
  );
}

function readPKey(fields: Fields, warnings: string[]): PKey | undefined {
  const value = fields.string("pkey");
  if (value === undefined) return undefined;
  const pkey = parsePKey(value);
  if (pkey === undefined) {
    throw fields.wrong(
      "pkey",
      value,
      'must be a partition key from 0x1 to 0x7fff (or 0x8001 to 0xffff), as "0x5"',
    );
  }
  // ib-kubernetes parses pkeys this way (pkg/utils, ParsePKey).
  if (!value.startsWith("0x")) {
    warnings.push(
      `pkey ${showValue(value)} has no 0x in front: ib-kubernetes reads ${showValue(formatPKey(pkey))}, and does not configure ` +
        "a network with any other spelling",
    );
  }
  return pkey;
}

function readLinkState(fields: Fields): LinkState | undefined {
  const value = fields.string("link_state");
  if (value === undefined || linkState(value)) return value;
  throw fields.wrong("link_state", value, 'must be "auto", "enable" or "disable"');
}

/** The runtime chooses this path, and other programs read the file. */
function readDeviceInfo(fields: Fields): string | undefined {
  const runtimeConfig = fields.nested("runtimeConfig");
  const path = runtimeConfig?.string("CNIDeviceInfoFile");
  if (path === undefined || path.startsWith("/")) return path;
  throw runtimeConfig?.wrong("CNIDeviceInfoFile", path, "must be an absolute path");
}
