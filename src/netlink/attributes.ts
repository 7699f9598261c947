import { netlinkAttributes, packU32, utf8Decode, utf8Encode, type Words } from "host";
import { MalformedReply } from "./errors.ts";

/*
 * Netlink speaks the host's byte order. The machines that this program is built for (amd64, arm64, ppc64le)
 * are all little-endian, and so is this codec.
 */

/**
 * One attribute to be sent: struct nlattr of linux/netlink.h as a word of 32 bits, then its value. That it is a list, and
 * not bytes yet, is for speed: the engine takes as long for a small array of bytes as for thirty numbers.
 */
export type Attribute = readonly [header: number, ...value: Words];

/** One that was received, without the padding that follows it. */
export interface ReceivedAttribute {
  /** Its type without {@link NLA_F_NESTED} and NLA_F_NET_BYTEORDER. */
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
const MAX_LENGTH = 0xffff;

/** Length with the padding that messages and attributes need (NLMSG_ALIGNTO, NLA_ALIGNTO). */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** @throws {RangeError} where the value does not fit in an attribute (65,531 bytes); so do the others. */
export function bytesAttribute(type: number, value: Uint8Array): Attribute {
  return [headerOf(type, value.length), value];
}

export function u8Attribute(type: number, value: number): Attribute {
  return [headerOf(type, 1), value];
}

export function u16Attribute(type: number, value: number): Attribute {
  return [headerOf(type, 2), value];
}

export function u32Attribute(type: number, value: number): Attribute {
  return [headerOf(type, 4), value];
}

export function s32Attribute(type: number, value: number): Attribute {
  return u32Attribute(type, value);
}

export function u64Attribute(type: number, value: bigint): Attribute {
  return wordsAttribute(type, [Number(BigInt.asUintN(32, value)), Number(value >> 32n)]);
}

/** A struct of 32-bit words. */
export function wordsAttribute(type: number, words: readonly number[]): Attribute {
  return [headerOf(type, 4 * words.length), words];
}

/** Text with the NUL byte that the kernel expects after it. */
export function stringAttribute(type: number, value: string): Attribute {
  return bytesAttribute(type, utf8Encode(`${value}\0`));
}

/** Attributes in an attribute. */
export function nestedAttribute(type: number, attributes: readonly Attribute[]): Attribute {
  return [headerOf(type | NLA_F_NESTED, encodedLength(attributes)), attributes];
}

/** Bytes that attributes take, with the padding of each. */
export function encodedLength(attributes: readonly Attribute[]): number {
  let length = 0;
  for (let i = 0; i < attributes.length; i++) length += aligned((attributes[i] as Attribute)[0] & MAX_LENGTH);
  return length;
}

/** struct nlattr: u16 length, u16 type. */
function headerOf(type: number, length: number): number {
  if (HEADER + length > MAX_LENGTH) {
    throw new RangeError(`netlink attribute ${type & TYPE_MASK} of ${length} bytes is too long`);
  }
  return (HEADER + length) | (type << 16);
}

/** The bytes of attributes one after another. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  return packU32(attributes);
}

/**
 * The attributes in `bytes`; their values are views of it.
 * @throws {MalformedReply} where a length does not fit.
 */
export function parseAttributes(bytes: Uint8Array): ReceivedAttribute[] {
  const attributes: ReceivedAttribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    requireFits(length, bytes.length - at);
    const type = ((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & TYPE_MASK;
    attributes.push({ type, value: bytes.subarray(at + HEADER, at + length) });
    at += aligned(length);
  }
  return attributes;
}

/** How the value of an attribute is read, as host.netlinkAttributes knows it: numbers by their length in bytes. */
const BYTES = 0;
const TEXT = 255;

/** An attribute to look for. */
export interface AttributeSpec<Value> {
  /** Up to 255. */
  readonly type: number;
  readonly how: number;
  /** For the compiler only. */
  readonly value?: Value;
}

/** One whose value is taken as it is, as a view of the message. */
export function getBytes(type: number): AttributeSpec<Uint8Array> {
  return { type, how: BYTES };
}

/** One with text, up to its NUL byte or to its end. */
export function getText(type: number): AttributeSpec<string> {
  return { type, how: TEXT };
}

export function getU8(type: number): AttributeSpec<number> {
  return { type, how: 1 };
}

export function getU16(type: number): AttributeSpec<number> {
  return { type, how: 2 };
}

export function getU32(type: number): AttributeSpec<number> {
  return { type, how: 4 };
}

/** Attributes to look for: type and how, one after another. */
export interface AttributeDecoder<Values extends readonly unknown[]> {
  readonly wanted: Uint8Array;
  /** For the compiler only. */
  readonly values?: Values;
}

/** Attributes to look for. To be made once, not for each message. */
export function attributeDecoder<Values extends readonly unknown[]>(
  ...wanted: { readonly [Index in keyof Values]: AttributeSpec<Values[Index]> }
): AttributeDecoder<Values> {
  return { wanted: Uint8Array.from(wanted.flatMap(({ type, how }) => [type, how])) };
}

/**
 * Values of the attributes in `bytes`, from `start` on, in the order of the selection, undefined where there is none; of
 * several of a type the last one counts, as with the kernel.
 * @throws {MalformedReply} where a length does not fit.
 */
export function decodeAttributes<Values extends readonly unknown[]>(
  bytes: Uint8Array,
  start: number,
  { wanted }: AttributeDecoder<Values>,
): { readonly [Index in keyof Values]: Values[Index] | undefined } {
  const values = netlinkAttributes(bytes, start, wanted);
  if (values === undefined) throw reasonAgainst(parseAttributes(bytes.subarray(start)), wanted);
  // The compiler cannot see what host.netlinkAttributes keeps: each value is read as the selection says.
  return values as unknown as { readonly [Index in keyof Values]: Values[Index] | undefined };
}

/** What is wrong with attributes each of which, by itself, is well-formed. */
function reasonAgainst(attributes: readonly ReceivedAttribute[], wanted: Uint8Array): MalformedReply {
  for (let i = 0; i < wanted.length; i += 2) {
    const [type, how] = [wanted[i], wanted[i + 1] as number];
    const value = attributes.findLast((attribute) => attribute.type === type)?.value;
    if (value !== undefined && how !== BYTES && how !== TEXT && value.length !== how)
      return wrongLength(value, how);
  }
  return new MalformedReply("attributes that cannot be read");
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

/** Four bytes at an offset, those beyond the end as zeros; a DataView would cost ten times as much. */
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
  if (value.length !== length) throw wrongLength(value, length);
}

function wrongLength(value: Uint8Array, length: number): MalformedReply {
  return new MalformedReply(`a value of ${value.length} bytes where ${length} were expected`);
}
