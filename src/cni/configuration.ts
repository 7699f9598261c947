import { fromJson, isObject, parseJsonObject } from "./document.ts";
import { CniError, codes } from "./errors.ts";
import { Fields } from "./fields.ts";
import { isIdentifier } from "./invocation.ts";
import type { Dns, Result } from "./result.ts";
import { decodeDns, decodeResult, strayInterfaceIndex } from "./result-decode.ts";
import { type CniVersion, familyOf, supportedVersion } from "./versions.ts";

/** A network configuration: what every plugin finds in it. */
export interface Configuration {
  /** As it was received: an IPAM plugin gets it unaltered. */
  readonly text: string;
  /** The document, for what is the plugin's own. */
  readonly fields: Fields;
  readonly name: string;
  /** As it stands there, "0.1.0" where it does not; `checkVersion` says whether we speak it. */
  readonly cniVersion: string;
}

/**
 * Reads stdin: the second of the protocol's checks, see `readEnvironment`.
 * @throws {CniError} 6 where it is no JSON object, 7 where the network has no name or a bad one.
 */
export function parseConfiguration(text: string): Configuration {
  const object = parseJsonObject(text, "error unmarshall network config");
  const fields = new Fields(object, "network configuration", codes.badConfiguration);
  const name = fields.string("name");
  if (name === undefined) throw new CniError(codes.badConfiguration, "missing network name");
  if (!isIdentifier(name)) {
    throw new CniError(codes.badConfiguration, "invalid characters found in network name", { details: name });
  }
  last = { text, fields };
  return { text, fields, name, cniVersion: fields.string("cniVersion") ?? "0.1.0" };
}

/** The configuration that was read last: in one call the same text is asked for again and again. */
let last: { readonly text: string; readonly fields: Fields } | undefined;

/**
 * A configuration that was taken before and is kept as text: its members, none where it cannot be read. It has been
 * checked before, or is not going to be.
 */
export function keptFields(text: string): Fields {
  if (last?.text !== text) last = { text, fields: fieldsOf(fromJson(text)) };
  return last.fields;
}

/** The members of a part of such a configuration, none where it is no object. */
export function fieldsOf(value: unknown): Fields {
  return new Fields(isObject(value) ? value : {}, "network configuration", codes.badConfiguration);
}

/** The IPAM plugin's name; undefined where no addresses are wanted (no `ipam`, or one without `type`). */
export function ipamType(configuration: Configuration): string | undefined {
  return configuration.fields.nested("ipam")?.string("type");
}

/**
 * The same of a configuration that was taken before and is kept as text; undefined where it cannot be read.
 * Cheaper than {@link parseConfiguration}, and never throws.
 */
export function ipamTypeOf(text: string): string | undefined {
  const type = fieldsOf(keptFields(text).raw("ipam")).raw("type");
  return typeof type === "string" && type !== "" ? type : undefined;
}

/** The network's name in such a text; undefined where it cannot be read. */
export function networkNameOf(text: string): string | undefined {
  const name = keptFields(text).raw("name");
  return typeof name === "string" ? name : undefined;
}

/** The configuration's `dns`. */
export function configuredDns(configuration: Configuration): Dns {
  return decodeDns(configuration.fields.nested("dns"));
}

/**
 * The result of the plugins before us; undefined where there is none.
 * @param version of the configuration. A prevResult without one has the same.
 * @throws {CniError} 999 where its version is not of the configuration's family, 7 where it cannot be read.
 */
export function prevResult(configuration: Configuration, version: CniVersion): Result | undefined {
  const object = configuration.fields.nested("prevResult")?.object;
  if (object === undefined) return undefined;
  const fields = new Fields(object, "could not parse prevResult", codes.badConfiguration);
  const text = fields.string("cniVersion") ?? version;
  const own = supportedVersion(text);
  if (own === undefined || familyOf(own) !== familyOf(version)) {
    throw new CniError(
      codes.internal,
      `could not parse prevResult: its cniVersion ${JSON.stringify(text)} does not go with the configuration's "${version}"`,
    );
  }
  const result = decodeResult(fields, own);
  const stray = strayInterfaceIndex(result);
  if (stray !== undefined) {
    // Behind it stands our own interface in the result that we return: the address would change hands.
    throw new CniError(
      codes.badConfiguration,
      `could not parse prevResult: an address has interface ${stray}, but there are ${result.interfaces.length}`,
    );
  }
  return result;
}
