import { bytesOfPairs, colonPairs, reversedPairs } from "./hex.ts";

declare const brand: unique symbol;

/**
 * An InfiniBand GUID (8 bytes) in the canonical spelling: lower-case pairs in network order, e.g.
 * "02:00:00:00:00:00:00:01". Two GUIDs are the same number exactly if they are `===`. Only {@link parseGuid},
 * {@link guidFromBytes} and {@link guidFromNumber} create GUIDs.
 */
export type Guid = string & { readonly [brand]: "Guid" };

/** Length of a GUID, bytes. */
const LENGTH = 8;

/** The GUID of a VF to which no GUID was ever assigned. */
export const ZERO_GUID = "00:00:00:00:00:00:00:00" as Guid;

/** The GUID that the Go plugin and drivers write for "no GUID". */
export const ALL_ONES_GUID = "ff:ff:ff:ff:ff:ff:ff:ff" as Guid;

/**
 * Parses a GUID in any spelling that people and tools use, in upper or lower case:
 * pairs (`02:00:…:01`, `02-00-…-01`), groups of four (`0200.0000.0000.0001`, and sysfs'
 * `0200:0000:0000:0001`), and 16 digits with or without `0x`. Fewer digits than 16 are refused, because
 * with a digit missing by mistake the text would be another GUID.
 * @returns `undefined` if the text has another spelling.
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

/** The canonical spelling. Most texts have it, and need no conversion. */
const OURS = /^(?:[0-9a-f]{2}:){7}[0-9a-f]{2}$/;
/** Length of that spelling, and of every other spelling in pairs, characters. */
const OURS_LENGTH = 23;
/** The capturing group is the separator, which must be the same everywhere. */
const PAIRS = /^[0-9a-f]{2}([-:.])(?:[0-9a-f]{2}\1){6}[0-9a-f]{2}$/i;
const FOURS = /^[0-9a-f]{4}([-:.])(?:[0-9a-f]{4}\1){2}[0-9a-f]{4}$/i;
/** The capturing group is the digits. */
const BARE = /^(?:0x)?([0-9a-f]{16})$/i;

/** Returns the 16 digits of a text that is not in pairs. */
function digitsOf(text: string): string | undefined {
  const separator = FOURS.exec(text)?.[1];
  return separator === undefined ? BARE.exec(text)?.[1] : text.replaceAll(separator, "");
}

/** Reports whether a port can have the GUID. Zero and all-ones mean "no GUID". */
export function isUsableGuid(guid: Guid): boolean {
  return guid !== ZERO_GUID && guid !== ALL_ONES_GUID;
}

/** Reports whether two GUIDs mean the same. Zero, all-ones and `undefined` all mean "no GUID". */
export function sameGuid(a: Guid | undefined, b: Guid | undefined): boolean {
  const left = a !== undefined && isUsableGuid(a) ? a : undefined;
  const right = b !== undefined && isUsableGuid(b) ? b : undefined;
  return left === right;
}

/** Returns the 8 bytes, in network order. */
export function guidToBytes(guid: Guid): Uint8Array {
  return bytesOfPairs(guid);
}

/** Returns the GUID as a number: two words of 32 bits, the lower word first. */
export function guidToWords(guid: Guid): readonly [low: number, high: number] {
  const digits = guid.replaceAll(":", "");
  return [Number.parseInt(digits.slice(8), 16), Number.parseInt(digits.slice(0, 8), 16)];
}

/**
 * Returns the GUID of 8 bytes.
 * @param bytes 8 bytes in network order.
 * @throws {RangeError} if there are not 8 bytes.
 */
export function guidFromBytes(bytes: Uint8Array): Guid {
  if (bytes.length !== LENGTH) throw new RangeError(`a GUID has ${LENGTH} bytes, not ${bytes.length}`);
  return colonPairs(bytes) as Guid;
}

/**
 * Decodes a GUID that the kernel reports as a number (u64).
 * @param bytes the number's 8 bytes in host order, which is little-endian on all supported architectures.
 * @throws {RangeError} if there are not 8 bytes.
 */
export function guidFromNumber(bytes: Uint8Array): Guid {
  if (bytes.length !== LENGTH) throw new RangeError(`a GUID has ${LENGTH} bytes, not ${bytes.length}`);
  return reversedPairs(bytes) as Guid;
}
