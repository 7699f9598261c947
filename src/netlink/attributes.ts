import { netlinkAttributes, utf8Decode, utf8Encode } from "host";
import { MalformedReply } from "./errors.ts";

/*
 * Netlink speaks the host's byte order. The machines that this program is built for (amd64, arm64, ppc64le)
 * are all little-endian, and so is this codec.
 */

/** One attribute: struct nlattr of linux/netlink.h, without the padding that follows it. */
export interface Attribute {
  /** Its type; in what was parsed without {@link NLA_F_NESTED} and NLA_F_NET_BYTEORDER. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Length of struct nlattr: u16 length, u16 type. */
const HEADER = 4;
/** Marks a type whose value is attributes again. Strictly checked requests (RTM_NEWLINKPROP) need it. */
const NLA_F_NESTED = 0x8000;
/** NLA_TYPE_MASK: a type without its two flags. */
const TYPE_MASK = 0x3fff;
/** An attribute's length is a u16. */
const MAX_VALUE = 0xffff - HEADER;

/** Length with the padding that messages and attributes need (NLMSG_ALIGNTO, NLA_ALIGNTO). */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}

export function bytesAttribute(type: number, value: Uint8Array): Attribute {
  return { type, value };
}

export function u8Attribute(type: number, value: number): Attribute {
  return { type, value: Uint8Array.of(value) };
}

export function u16Attribute(type: number, value: number): Attribute {
  const bytes = new Uint8Array(2);
  viewOf(bytes).setUint16(0, value, true);
  return { type, value: bytes };
}

export function u32Attribute(type: number, value: number): Attribute {
  const bytes = new Uint8Array(4);
  bytes[0] = value;
  bytes[1] = value >> 8;
  bytes[2] = value >> 16;
  bytes[3] = value >> 24;
  return { type, value: bytes };
}

export function s32Attribute(type: number, value: number): Attribute {
  return u32Attribute(type, value);
}

export function u64Attribute(type: number, value: bigint): Attribute {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, value, true);
  return { type, value: bytes };
}

/** Text with the NUL byte that the kernel expects after it. */
export function stringAttribute(type: number, value: string): Attribute {
  return { type, value: utf8Encode(`${value}\0`) };
}

/** Attributes in an attribute. */
export function nestedAttribute(type: number, attributes: readonly Attribute[]): Attribute {
  return { type: type | NLA_F_NESTED, value: encodeAttributes(attributes) };
}

/** Words of 32 bits, signed or not, in host order. */
export function wordBytes(...words: number[]): Uint8Array {
  const array = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i++) array[i] = words[i] as number;
  return new Uint8Array(array.buffer);
}

/**
 * Attributes one after another, each padded to 4 bytes.
 * @throws {RangeError} where a value does not fit in an attribute (65,531 bytes).
 */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  const bytes = new Uint8Array(encodedLength(attributes));
  putAttributes(bytes, new Uint32Array(bytes.buffer), 0, attributes);
  return bytes;
}

/**
 * Bytes that the attributes take.
 * @throws {RangeError} as {@link encodeAttributes}.
 */
export function encodedLength(attributes: readonly Attribute[]): number {
  let length = 0;
  for (let i = 0; i < attributes.length; i++) {
    const { type, value } = attributes[i] as Attribute;
    if (value.length > MAX_VALUE) {
      throw new RangeError(`netlink attribute ${type & TYPE_MASK} of ${value.length} bytes is too long`);
    }
    length += aligned(HEADER + value.length);
  }
  return length;
}

/**
 * Writes attributes from an offset on, a multiple of 4; there `bytes` are zero and have room enough. `words` are the same
 * bytes in fours: to set one costs a tenth of what a DataView's method does.
 */
export function putAttributes(
  bytes: Uint8Array,
  words: Uint32Array,
  offset: number,
  attributes: readonly Attribute[],
): void {
  let at = offset;
  for (let i = 0; i < attributes.length; i++) {
    const { type, value } = attributes[i] as Attribute;
    const length = HEADER + value.length;
    words[at >> 2] = length | (type << 16);
    bytes.set(value, at + HEADER);
    at += aligned(length);
  }
}

/**
 * The attributes in `bytes`; their values are views of it.
 * @throws {MalformedReply} where a length does not fit.
 */
export function parseAttributes(bytes: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    requireFits(length, bytes.length - at);
    const type = ((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & TYPE_MASK;
    attributes.push({ type, value: bytes.subarray(at + HEADER, at + length) });
    at += aligned(length);
  }
  return attributes;
}

/** Attributes to look for: what they are called in the program, and their types. */
export interface Selection<Name extends string> {
  readonly names: readonly Name[];
  readonly types: Uint8Array;
}

/**
 * Attributes to look for, by what they shall be called. To be made once, not for each message.
 * @param types up to 255.
 */
export function selection<Name extends string>(types: Readonly<Record<Name, number>>): Selection<Name> {
  const names = Object.keys(types) as Name[];
  return { names, types: Uint8Array.from(names, (name) => types[name]) };
}

/**
 * Some of the attributes in `bytes`, from `start` on, by their names; of several of a type the last one, as the kernel
 * reads them.
 * @throws {MalformedReply} where a length does not fit.
 */
export function pickAttributes<Name extends string>(
  bytes: Uint8Array,
  start: number,
  { names, types }: Selection<Name>,
): { readonly [name in Name]?: Uint8Array | undefined } {
  const values = netlinkAttributes(bytes, start, types);
  const picked: { [name in Name]?: Uint8Array | undefined } = {};
  // This one says what is wrong.
  if (values === undefined) parseAttributes(bytes.subarray(start));
  else for (let i = 0; i < values.length; i++) picked[names[i] as Name] = values[i];
  return picked;
}

/** @param length what the attribute says, which means nothing where not even its header is there. */
function requireFits(length: number, left: number): void {
  if (length >= HEADER && length <= left) return;
  const said = left < HEADER ? left : length;
  throw new MalformedReply(`an attribute of ${said} bytes where ${left} are left`);
}

/** @throws {MalformedReply} where it is not 1 byte long; so do the others below, for their lengths. */
export function readU8(value: Uint8Array): number {
  requireLength(value, 1);
  return value[0] as number;
}

export function readU16(value: Uint8Array): number {
  requireLength(value, 2);
  return (value[0] as number) | ((value[1] as number) << 8);
}

export function readU32(value: Uint8Array): number {
  return readS32(value) >>> 0;
}

export function readS32(value: Uint8Array): number {
  requireLength(value, 4);
  return s32At(value, 0);
}

export function readU64(value: Uint8Array): bigint {
  requireLength(value, 8);
  return viewOf(value).getBigUint64(0, true);
}

/** Four bytes at an offset, where there are four; a DataView would cost ten times as much. */
export function s32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The same without a sign. */
export function u32At(bytes: Uint8Array, at: number): number {
  return s32At(bytes, at) >>> 0;
}

/** Text up to its NUL byte, or all of it where it has none. */
export function readString(value: Uint8Array): string {
  const end = value.indexOf(0);
  return utf8Decode(end === -1 ? value : value.subarray(0, end));
}

/** A DataView of exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function requireLength(value: Uint8Array, length: number): void {
  if (value.length === length) return;
  throw new MalformedReply(`a value of ${value.length} bytes where ${length} were expected`);
}
