import { formatAddress, parseIpv4, parseIpv6 } from "./text.ts";

/** IPv4 or IPv6. */
export type AddressFamily = 4 | 6;

/** An IP address. */
export interface Address {
  readonly family: AddressFamily;
  /** 4 or 16 bytes in network order. */
  readonly bytes: Uint8Array;
  /** The canonical spelling, e.g. "fd00::5". */
  readonly text: string;
}

/** An IP address with its prefix length; host bits are kept. The canonical spelling is e.g. "fd00::5/64". */
export interface Cidr extends Address {
  /** Bits. */
  readonly prefix: number;
}

/** Longest text of an address: INET6_ADDRSTRLEN, netinet/in.h. */
const MAX_ADDRESS_TEXT = 45;

/** An IPv4 address in an IPv6 one, ::ffff:0:0/96 (RFC 4291, 2.5.5.2), counts as IPv4, as in Go. */
const MAPPED_PREFIX = 96;

/**
 * Parses `address/prefix` as Go's net.ParseCIDR does: the prefix is required, and leading zeros in an IPv4 address and
 * zones are refused. Host bits are kept.
 * @returns `undefined` if the text is not such an address.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseBytes(text.slice(0, slash));
  const length = parsePrefix(text.slice(slash + 1));
  if (address === undefined || length === undefined) return undefined;
  const { bytes, mapped } = address;
  const prefix = length - (mapped ? MAPPED_PREFIX : 0);
  if (prefix < 0 || prefix > bytes.length * 8) return undefined;
  return { family: familyOf(bytes), bytes, prefix, text: formatCidr(bytes, prefix) };
}

/** Parses an address without prefix. @returns `undefined` if the text is not an address. */
export function parseAddress(text: string): Address | undefined {
  const bytes = parseBytes(text)?.bytes;
  return bytes && { family: familyOf(bytes), bytes, text: formatAddress(bytes) };
}

/** Like {@link parseCidr}. @throws {RangeError} if the text is not an address with a prefix length. */
export function requireCidr(text: string): Cidr {
  return parseCidr(text) ?? refuse(text, "an IP address with a prefix length");
}

/** Like {@link parseAddress}. @throws {RangeError} if the text is not an address. */
export function requireAddress(text: string): Address {
  return parseAddress(text) ?? refuse(text, "an IP address");
}

/** Formats an address of 4 or 16 bytes in network order with its prefix length. */
export function formatCidr(bytes: Uint8Array, prefix: number): string {
  return `${formatAddress(bytes)}/${prefix}`;
}

/** Returns the family of an address or CIDR in the canonical spelling, which the functions above return. */
export function addressFamily(text: string): AddressFamily {
  return text.includes(":") ? 6 : 4;
}

/** Returns the network that contains an address, e.g. "10.0.0.0/24" for 10.0.0.5/24. */
export function networkOf({ bytes, prefix }: Cidr): string {
  const network = bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * index));
    return byte & (0xff << (8 - bits));
  });
  return formatCidr(network, prefix);
}

function familyOf(bytes: Uint8Array): AddressFamily {
  return bytes.length === 4 ? 4 : 6;
}

function refuse(text: string, expected: string): never {
  throw new RangeError(`"${text}" is not ${expected}`);
}

function parseBytes(text: string): { readonly bytes: Uint8Array; readonly mapped: boolean } | undefined {
  if (text.length > MAX_ADDRESS_TEXT) return undefined;
  const four = parseIpv4(text);
  if (four !== undefined) return { bytes: four, mapped: false };
  const six = parseIpv6(text);
  if (six === undefined) return undefined;
  const mapped = six.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 0xff));
  return mapped ? { bytes: six.slice(12), mapped } : { bytes: six, mapped };
}

function parsePrefix(text: string): number | undefined {
  if (text === "" || text.length > 3) return undefined;
  for (const char of text) if (char < "0" || char > "9") return undefined;
  return Number(text);
}
