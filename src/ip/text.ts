// The texts of IP addresses: RFC 4291, 2.2, and RFC 5952.

/** Returns the bytes of an IPv4 address; `undefined` if the text is not one. Leading zeros are refused. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

/** Returns the bytes of an IPv6 address; `undefined` if the text is not one. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const before = parseGroups(head, tail === undefined);
  const after = tail === undefined ? [] : parseGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** Returns the bytes of groups between colons; the last group may be an IPv4 address. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const ipv4 = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) bytes.push(...ipv4);
    else if (/^[0-9a-f]{1,4}$/i.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255);
    else return undefined;
  }
  return bytes;
}

/**
 * Returns the canonical text of 4 or 16 bytes in network order.
 * @throws {RangeError} for another length.
 */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new RangeError(`an IP address cannot have ${bytes.length} bytes`);
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  const { start, length } = longestZeros(groups);
  const texts = groups.map((group) => group.toString(16));
  // IPv4 addresses in IPv6 ones look as in glibc: ::10.0.0.5 and ::ffff:10.0.0.5.
  const isIpv4 = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  if (isIpv4) texts.splice(6, 2, bytes.slice(12).join("."));
  if (length < 2) return texts.join(":");
  return `${texts.slice(0, start).join(":")}::${texts.slice(start + length).join(":")}`;
}

/** Returns the groups that "::" replaces: the first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** fe80::/10 (RFC 4291, 2.5.6) and 169.254.0.0/16 (RFC 3927). */
const LINK_LOCAL = /^(fe[89ab].:|169\.254\.)/i;

/** Reports whether an address, with or without its prefix length, is link-local. The kernel itself assigns these. */
export function isLinkLocal(text: string): boolean {
  return LINK_LOCAL.test(text);
}
