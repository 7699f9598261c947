import { parseAddress, parseCidr } from "../ip/address.ts";
import type { Route } from "../ip/route.ts";
import type { Fields } from "./fields.ts";
import type { Dns, Interface, IpConfig, Result } from "./result.ts";
import { type CniVersion, familyOf } from "./versions.ts";

/**
 * Most entries of a list in a result. No real result comes near. The limit bounds the messages to the kernel, and the
 * record.
 */
export const MAX_ENTRIES = 1000;

/** Largest u32, the type of MTU, MSS, metric and table in the kernel. */
const U32 = 0xffffffff;
/** Largest u8, the type of rtm_scope, linux/rtnetlink.h. */
const U8 = 0xff;

/**
 * Decodes a result of any version. Unknown members are dropped, and addresses get the canonical spelling. Of the index
 * of an interface only the type is checked; see {@link invalidInterfaceIndex}.
 * @param fields the document; its error code and name are used for all errors.
 * @throws {CniError} if a member has a wrong type, or is not an address.
 */
export function decodeResult(fields: Fields, version: CniVersion): Result {
  if (familyOf(version) === "0.1") return decodeOldResult(fields);
  return {
    interfaces: fields.objects("interfaces", MAX_ENTRIES).map(decodeInterface),
    ips: fields.objects("ips", MAX_ENTRIES).map(decodeIp),
    routes: fields.objects("routes", MAX_ENTRIES).map(decodeRoute),
    dns: decodeDns(fields.nested("dns")),
  };
}

/** Decodes the `dns` object of a result or a configuration. */
export function decodeDns(fields: Fields | undefined): Dns {
  return {
    nameservers: fields?.strings("nameservers", MAX_ENTRIES) ?? [],
    domain: fields?.string("domain"),
    search: fields?.strings("search", MAX_ENTRIES) ?? [],
    options: fields?.strings("options", MAX_ENTRIES) ?? [],
  };
}

/** Returns the first interface index that is out of range in the result; `undefined` if all are valid. */
export function invalidInterfaceIndex(result: Result): number | undefined {
  return result.ips.find((ip) => ip.interface !== undefined && ip.interface >= result.interfaces.length)
    ?.interface;
}

/** Decodes a result of 0.1.0 and 0.2.0, which has at most one address of each family, with its routes. */
function decodeOldResult(fields: Fields): Result {
  const ips: IpConfig[] = [];
  const routes: Route[] = [];
  for (const key of ["ip4", "ip6"]) {
    const ip = fields.nested(key);
    if (ip === undefined) continue;
    ips.push({ address: cidr(ip, "ip"), gateway: gateway(ip, "gateway") });
    routes.push(...ip.objects("routes", MAX_ENTRIES).map(decodeRoute));
  }
  return { interfaces: [], ips, routes, dns: decodeDns(fields.nested("dns")) };
}

function decodeInterface(fields: Fields): Interface {
  return {
    name: fields.string("name") ?? "",
    mac: fields.string("mac"),
    mtu: fields.integer("mtu", 0, U32) || undefined,
    sandbox: fields.string("sandbox"),
    socketPath: fields.string("socketPath"),
    pciID: fields.string("pciID"),
  };
}

/** Ignores the `version` that 0.3 and 0.4 have beside an address, because the address contains its family. */
function decodeIp(fields: Fields): IpConfig {
  return {
    address: cidr(fields, "address"),
    gateway: gateway(fields, "gateway"),
    interface: fields.integer("interface", 0, U32),
  };
}

function decodeRoute(fields: Fields): Route {
  return {
    dst: cidr(fields, "dst"),
    gw: gateway(fields, "gw"),
    mtu: fields.integer("mtu", 0, U32) || undefined,
    advmss: fields.integer("advmss", 0, U32) || undefined,
    priority: fields.integer("priority", 0, U32) || undefined,
    table: fields.integer("table", 0, U32),
    scope: fields.integer("scope", 0, U8),
  };
}

function cidr(fields: Fields, key: string): string {
  const text = fields.string(key);
  const parsed = text === undefined ? undefined : parseCidr(text);
  if (parsed === undefined)
    throw fields.wrong(key, text, 'must be an address with a prefix, as "10.0.0.5/24"');
  return parsed.text;
}

function gateway(fields: Fields, key: string): string | undefined {
  const text = fields.string(key);
  if (text === undefined) return undefined;
  const parsed = parseAddress(text)?.text;
  if (parsed === undefined) throw fields.wrong(key, text, "must be an IP address");
  return parsed;
}
