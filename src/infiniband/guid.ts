import { isHex } from "./digits.ts";

declare const brand: unique symbol;

/**
 * An InfiniBand GUID (8 bytes) in the one spelling that is used inside the program: lower-case pairs in
 * network order, e.g. "02:00:00:00:00:00:00:01". Two of them are the same number exactly if they are `===`.
 * Made by {@link parseGuid} and {@link guidFromBytes} only.
 */
export type Guid = string & { readonly [brand]: "Guid" };

/** Bytes of a GUID. */
const LENGTH = 8;

/** What a VF has that was never given a GUID. */
export const ZERO_GUID: Guid = canonical("00".repeat(LENGTH));

/** What the reference plugin, and drivers, write to say "no GUID". */
export const ALL_ONES_GUID: Guid = canonical("ff".repeat(LENGTH));

/**
 * Reads a GUID in any spelling that people and tools use, in any case:
 * pairs (`02:00:…:01`, `02-00-…-01`), groups of four (`0200.0000.0000.0001`, and sysfs'
 * `0200:0000:0000:0001`), and 16 digits with or without `0x`. Fewer digits than 16 are refused: a digit that
 * got lost would silently name another GUID.
 * @returns undefined where the text is none of these.
 */
export function parseGuid(text: string): Guid | undefined {
  const digits = digitsOf(text);
  if (digits === undefined || digits.length !== 2 * LENGTH || !isHex(digits)) return undefined;
  return canonical(digits.toLowerCase());
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
  const bytes = new Uint8Array(LENGTH);
  for (let i = 0; i < LENGTH; i++) bytes[i] = Number.parseInt(guid.slice(3 * i, 3 * i + 2), 16);
  return bytes;
}

/**
 * @param bytes 8 bytes in network order.
 * @throws {RangeError} where there are not 8 of them.
 */
export function guidFromBytes(bytes: Uint8Array): Guid {
  if (bytes.length !== LENGTH) throw new RangeError(`a GUID has ${LENGTH} bytes, not ${bytes.length}`);
  let digits = "";
  for (const byte of bytes) digits += byte.toString(16).padStart(2, "0");
  return canonical(digits);
}

/** The digits without prefix and separators; undefined where the groups are uneven. */
function digitsOf(text: string): string | undefined {
  if (text.length === 2 * LENGTH) return text;
  if (text.startsWith("0x") || text.startsWith("0X")) return text.slice(2);
  const width = separatorAt(text, 2) ? 2 : 4;
  const separator = text.charAt(width);
  if (!separatorAt(text, width)) return undefined;
  const groups = text.split(separator);
  return groups.every((group) => group.length === width) ? groups.join("") : undefined;
}

function separatorAt(text: string, position: number): boolean {
  const char = text.charAt(position);
  return char === ":" || char === "-" || char === ".";
}

/** @param digits 16 lower-case hexadecimal digits. */
function canonical(digits: string): Guid {
  let text = digits.slice(0, 2);
  for (let i = 2; i < digits.length; i += 2) text += `:${digits.slice(i, i + 2)}`;
  // The only place that makes the brand.
  return text as Guid;
}
