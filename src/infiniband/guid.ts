import { bytesOfPairs, colonPairs, reversedPairs } from "./hex.ts";

declare const brand: unique symbol;

/**
 * An InfiniBand GUID (8 bytes) in the one spelling that is used inside the program: lower-case pairs in
 * network order, e.g. "02:00:00:00:00:00:00:01". Two of them are the same number exactly if they are `===`.
 * Made by {@link parseGuid}, {@link guidFromBytes} and {@link guidFromNumber} only.
 */
export type Guid = string & { readonly [brand]: "Guid" };

/** Bytes of a GUID. */
const LENGTH = 8;

/** What a VF has that was never given a GUID. */
export const ZERO_GUID = "00:00:00:00:00:00:00:00" as Guid;

/** What the reference plugin, and drivers, write to say "no GUID". */
export const ALL_ONES_GUID = "ff:ff:ff:ff:ff:ff:ff:ff" as Guid;

/**
 * Reads a GUID in any spelling that people and tools use, in any case:
 * pairs (`02:00:…:01`, `02-00-…-01`), groups of four (`0200.0000.0000.0001`, and sysfs'
 * `0200:0000:0000:0001`), and 16 digits with or without `0x`. Fewer digits than 16 are refused: a digit that
 * got lost would silently name another GUID.
 * @returns undefined where the text is none of these.
 */
export function parseGuid(text: string): Guid | undefined {
  if (text.length === OURS_LENGTH) {
    if (OURS.test(text)) return text as Guid;
    const separator = PAIRS.exec(text)?.[1];
    return separator === undefined ? undefined : (text.toLowerCase().replaceAll(separator, ":") as Guid);
  }
  const digits = digitsOf(text)?.toLowerCase();
  if (digits === undefined) return undefined;
  let pairs = digits.slice(0, 2);
  for (let i = 2; i < digits.length; i += 2) pairs += `:${digits.slice(i, i + 2)}`;
  return pairs as Guid;
}

/** Our own spelling, which most have: nothing is to be rewritten then. */
const OURS = /^(?:[0-9a-f]{2}:){7}[0-9a-f]{2}$/;
/** Characters of that, and of any other in pairs. */
const OURS_LENGTH = 23;
/** The group is the separator, one and the same throughout. */
const PAIRS = /^[0-9a-f]{2}([-:.])(?:[0-9a-f]{2}\1){6}[0-9a-f]{2}$/i;
const FOURS = /^[0-9a-f]{4}([-:.])(?:[0-9a-f]{4}\1){2}[0-9a-f]{4}$/i;
/** The group is the digits. */
const BARE = /^(?:0x)?([0-9a-f]{16})$/i;

/** The 16 digits of a text that is not in pairs. */
function digitsOf(text: string): string | undefined {
  const separator = FOURS.exec(text)?.[1];
  return separator === undefined ? BARE.exec(text)?.[1] : text.replaceAll(separator, "");
}

/** Can it name a port? Zero and all-ones cannot: both mean "no GUID". */
export function isUsableGuid(guid: Guid): boolean {
  return guid !== ZERO_GUID && guid !== ALL_ONES_GUID;
}

/** Do both say the same? Zero and all-ones do, since both mean "no GUID"; so does `undefined`. */
export function sameGuid(a: Guid | undefined, b: Guid | undefined): boolean {
  const left = a !== undefined && isUsableGuid(a) ? a : undefined;
  const right = b !== undefined && isUsableGuid(b) ? b : undefined;
  return left === right;
}

/** The 8 bytes, in network order. */
export function guidToBytes(guid: Guid): Uint8Array {
  return bytesOfPairs(guid);
}

/** The number that it is, in two words of 32 bits, the lower one first. */
export function guidToWords(guid: Guid): readonly [low: number, high: number] {
  const digits = guid.replaceAll(":", "");
  return [Number.parseInt(digits.slice(8), 16), Number.parseInt(digits.slice(0, 8), 16)];
}

/**
 * @param bytes 8 bytes in network order.
 * @throws {RangeError} where there are not 8 of them.
 */
export function guidFromBytes(bytes: Uint8Array): Guid {
  if (bytes.length !== LENGTH) throw new RangeError(`a GUID has ${LENGTH} bytes, not ${bytes.length}`);
  return colonPairs(bytes) as Guid;
}

/**
 * The same of a number, as the kernel keeps it.
 * @param bytes 8 bytes in host order, which is little-endian.
 * @throws {RangeError} where there are not 8 of them.
 */
export function guidFromNumber(bytes: Uint8Array): Guid {
  if (bytes.length !== LENGTH) throw new RangeError(`a GUID has ${LENGTH} bytes, not ${bytes.length}`);
  return reversedPairs(bytes) as Guid;
}
