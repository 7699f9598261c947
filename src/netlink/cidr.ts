import { inetNtop, inetPton } from "host";

/** AF_INET and AF_INET6 of linux/socket.h. */
export type Family = 2 | 10;

/** An IP address. */
export interface Address {
  readonly family: Family;
  /** 4 or 16 bytes, in network order. */
  readonly bytes: Uint8Array;
}

/** An IP address with the length of its network's prefix. */
export interface Cidr extends Address {
  /** In bits, 0 to 32 or 128. */
  readonly prefix: number;
}

/**
 * Reads an address, e.g. "10.0.0.5" or "fd00::5".
 * @throws {RangeError} if the text is not an address.
 */
export function parseAddress(text: string): Address {
  const four = inetPton(4, text);
  if (four !== undefined) return { family: 2, bytes: four };
  const six = inetPton(6, text);
  if (six !== undefined) return { family: 10, bytes: six };
  throw new RangeError(`"${text}" is not an IP address`);
}

/**
 * Reads an address with its prefix length, e.g. "10.0.0.5/24". Host bits are kept.
 * @throws {RangeError} if the text is not an address with a prefix length.
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf("/");
  const digits = text.slice(slash + 1);
  if (slash === -1 || !isDecimal(digits))
    throw new RangeError(`"${text}" is not an IP address with a prefix length`);
  const address = parseAddress(text.slice(0, slash));
  const prefix = Number(digits);
  const bits = 8 * address.bytes.length;
  if (prefix > bits) throw new RangeError(`the prefix length of "${text}" is over ${bits}`);
  return { ...address, prefix };
}

/** Returns the text of an address of 4 or 16 bytes with its prefix length. */
export function formatCidr(bytes: Uint8Array, prefix: number): string {
  return `${inetNtop(bytes)}/${prefix}`;
}

/** Reports whether a text is one to three digits. */
function isDecimal(text: string): boolean {
  if (text === "" || text.length > 3) return false;
  for (const char of text) if (char < "0" || char > "9") return false;
  return true;
}
