import { fromJson, isObject, parseJsonObject } from "./document.ts";
import { CniError, codes } from "./errors.ts";
import { Fields } from "./fields.ts";
import { isIdentifier } from "./invocation.ts";
import type { Dns, Result } from "./result.ts";
import { decodeDns, decodeResult, invalidInterfaceIndex } from "./result-decode.ts";
import { type CniVersion, familyOf, supportedVersion } from "./versions.ts";

/** A network configuration, with the members that are common to all plugins. */
export interface Configuration {
  /** The text as it was received: an IPAM plugin gets it unaltered. */
  readonly text: string;
  /** The document, from which the plugin reads its own keys. */
  readonly fields: Fields;
  readonly name: string;
  /** The version in the document, or "0.1.0" if it is missing; `checkVersion` checks whether it is supported. */
  readonly cniVersion: string;
}

/**
 * Parses the text of stdin: the second check of the protocol, see `readEnvironment`.
 * @throws {CniError} 6 if it is not a JSON object, 7 if the network's name is missing or invalid.
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

/** The configuration that was parsed last: one call parses the same text many times. */
let last: { readonly text: string; readonly fields: Fields } | undefined;

/**
 * Returns the members of a configuration that is stored as text; none if it is not a JSON object. It is not checked: it
 * was checked before it was stored, or does not need to be valid.
 */
export function storedFields(text: string): Fields {
  if (last?.text !== text) last = { text, fields: fieldsOf(fromJson(text)) };
  return last.fields;
}

/** Returns the members of a part of such a configuration; none if it is not an object. */
export function fieldsOf(value: unknown): Fields {
  return new Fields(isObject(value) ? value : {}, "network configuration", codes.badConfiguration);
}

/** Returns the IPAM plugin's name; `undefined` if the network has no addresses (no `ipam`, or no `type` in it). */
export function ipamType(configuration: Configuration): string | undefined {
  return configuration.fields.nested("ipam")?.string("type");
}

/**
 * Returns the IPAM plugin's name in a configuration that is stored as text; `undefined` also if it cannot be parsed.
 * Cheaper than {@link parseConfiguration}, and never throws.
 */
export function ipamTypeOf(text: string): string | undefined {
  const type = fieldsOf(storedFields(text).raw("ipam")).raw("type");
  return typeof type === "string" && type !== "" ? type : undefined;
}

/** Returns the network's name in such a text; `undefined` if it cannot be parsed. */
export function networkNameOf(text: string): string | undefined {
  const name = storedFields(text).raw("name");
  return typeof name === "string" ? name : undefined;
}

/** Returns the configuration's `dns`. */
export function configuredDns(configuration: Configuration): Dns {
  return decodeDns(configuration.fields.nested("dns"));
}

/**
 * Returns the result of the plugins before this one in the chain; `undefined` if the configuration has no prevResult.
 * @param version of the configuration; also the version of a prevResult without a version.
 * @throws {CniError} 999 if its version is not of the configuration's family, 7 if it cannot be parsed.
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
  const stray = invalidInterfaceIndex(result);
  if (stray !== undefined) {
    // The answer appends this plugin's interface to the list, so the index would assign the address to that interface.
    throw new CniError(
      codes.badConfiguration,
      `could not parse prevResult: an address has interface ${stray}, but there are ${result.interfaces.length}`,
    );
  }
  return result;
}
