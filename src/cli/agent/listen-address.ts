import { parseAddress } from "../../ip/address.ts";
import { UsageError } from "../command.ts";

/** Address families of linux/socket.h. */
const AF_INET = 2;
const AF_INET6 = 10;
const LARGEST_PORT = 0xffff;

/** An address and port to listen on. */
export interface ListenAddress {
  /** For socket(2). */
  readonly family: number;
  /** struct sockaddr_in or sockaddr_in6, for bind(2). */
  readonly bytes: Uint8Array;
  /** Instead of all IPv6 and IPv4 addresses, if the kernel has no IPv6: all IPv4 addresses. */
  readonly withoutIpv6?: ListenAddress;
}

/**
 * Parses "127.0.0.1:9410", "[::1]:9410" or ":9410", which stands for all IPv6 and IPv4 addresses, as "[::]:9410" does.
 * @throws {UsageError} if the text has another form.
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, inBrackets, plain, digits = ""] = /^(?:\[([0-9a-f:.]*)\]|([0-9.]*)):(\d{1,5})$/i.exec(text) ?? [];
  const address = parseAddress(inBrackets ?? (plain === "" ? "::" : (plain ?? "")));
  const port = Number(digits);
  const isFamilyRight = address?.family === (inBrackets === undefined && plain !== "" ? 4 : 6);
  if (address === undefined || !isFamilyRight || digits === "" || port === 0 || port > LARGEST_PORT)
    throw new UsageError(
      `--listen ${text} is not an address and a port, such as 127.0.0.1:9410 or [::]:9410`,
    );
  const family = address.family === 4 ? AF_INET : AF_INET6;
  // u16 family in host order, which is little-endian; u16 port in network order; for IPv6 u32 flow information; the
  // address; then zeros (struct sockaddr_in) or u32 scope (struct sockaddr_in6).
  const bytes = new Uint8Array(address.family === 4 ? 16 : 28);
  bytes.set([family, 0, port >> 8, port & 0xff]);
  bytes.set(address.bytes, address.family === 4 ? 4 : 8);
  return {
    family,
    bytes,
    ...(address.text === "::" ? { withoutIpv6: parseListenAddress(`0.0.0.0:${port}`) } : {}),
  };
}
