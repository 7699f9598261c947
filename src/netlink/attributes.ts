import { netlinkAttributes, utf8Decode, utf8Encode } from "host";
import { MalformedReply } from "./errors.ts";

/*
 * Netlink uses the host's byte order. The machines that this program is built for (amd64, arm64, ppc64le)
 * are all little-endian, and so is this codec.
 */

/**
 * An attribute to send: struct nlattr of linux/netlink.h and its value, with the padding after it, as words of 32 bits,
 * signed or not, in host order. Numbers instead of bytes for speed: the engine needs as much time for a small array of
 * bytes as for thirty numbers.
 */
export type Attribute = readonly number[];

/** An attribute that was received, without the padding after it. */
export interface ReceivedAttribute {
  /** The type without {@link NLA_F_NESTED} and NLA_F_NET_BYTEORDER. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Length of struct nlattr: u16 length, u16 type. */
const HEADER = 4;
/** Marks an attribute that contains attributes. Requests that the kernel checks strictly (RTM_NEWLINKPROP) need it. */
const NLA_F_NESTED = 0x8000;
/** NLA_TYPE_MASK: the bits of a type without its two flags. */
const TYPE_MASK = 0x3fff;
/** An attribute's length is a u16. */
const MAX_LENGTH = 0xffff;

/** Returns a length with the padding of messages and attributes (NLMSG_ALIGNTO, NLA_ALIGNTO). */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** @throws {RangeError} if the value is too long for an attribute (65,531 bytes), as do the other functions below. */
export function bytesAttribute(type: number, value: Uint8Array): Attribute {
  const words = [headerOf(type, value.length)];
  for (let at = 0; at < value.length; at += 4) words.push(s32At(value, at));
  return words;
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

/** Makes an attribute of a struct of 32-bit words. */
export function wordsAttribute(type: number, words: readonly number[]): Attribute {
  return [headerOf(type, 4 * words.length)].concat(words);
}

/** Makes an attribute of a text, with the NUL byte that the kernel expects after it. */
export function stringAttribute(type: number, value: string): Attribute {
  return bytesAttribute(type, utf8Encode(`${value}\0`));
}

/** Makes an attribute that contains attributes. */
export function nestedAttribute(type: number, attributes: readonly Attribute[]): Attribute {
  return [headerOf(type | NLA_F_NESTED, encodedLength(attributes))].concat(...attributes);
}

/** Returns the length of attributes in bytes, each with its padding. */
export function encodedLength(attributes: readonly Attribute[]): number {
  let words = 0;
  for (let i = 0; i < attributes.length; i++) words += (attributes[i] as Attribute).length;
  return 4 * words;
}

/** Returns a struct nlattr: u16 length, u16 type. */
function headerOf(type: number, length: number): number {
  if (HEADER + length > MAX_LENGTH) {
    throw new RangeError(`netlink attribute ${type & TYPE_MASK} of ${length} bytes is too long`);
  }
  return (HEADER + length) | (type << 16);
}

/** Returns the bytes of attributes, one after another. */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  return packU32(([] as number[]).concat(...attributes));
}

/** Returns the bytes of words of 32 bits, in host order. */
export function packU32(words: readonly number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(words).buffer);
}

/**
 * Returns the attributes in `bytes`. Their values are views of it.
 * @param object for errors: what has the attributes, e.g. "ib0".
 * @throws {MalformedReply} if a length does not fit.
 */
export function parseAttributes(bytes: Uint8Array, object: string): ReceivedAttribute[] {
  const pairs = netlinkAttributes(bytes, 0);
  if (pairs === undefined) throw doesNotFit(object);
  const attributes: ReceivedAttribute[] = [];
  for (let i = 0; i < pairs.length; i += 2)
    attributes.push({ type: pairs[i] as number, value: pairs[i + 1] as Uint8Array });
  return attributes;
}

/** How host.netlinkAttributes reads the value of an attribute: 0 as bytes, 255 as text, n as n bytes, up to 4 as a number. */
const BYTES = 0;
const TEXT = 255;

/** The type of an attribute, up to 255, by its name in the kernel: `{ IFLA_MTU }`. */
export type NamedType = Readonly<Record<string, number>>;

/** An attribute to look for. */
export interface AttributeSpec<Value> {
  readonly type: NamedType;
  /** {@link BYTES}, {@link TEXT}, or the length of the value in bytes. */
  readonly how: number;
  /** For the compiler only. */
  readonly value?: Value;
}

/**
 * Looks for an attribute, and returns its bytes as a view of the message.
 * @param length the only valid length in bytes, from 5 to 254. Without it, every length is valid.
 */
export function getBytes(type: NamedType, length = BYTES): AttributeSpec<Uint8Array> {
  return { type, how: length };
}

/** Looks for an attribute with text, which ends at its NUL byte or at the end of the value. */
export function getText(type: NamedType): AttributeSpec<string> {
  return { type, how: TEXT };
}

export function getU8(type: NamedType): AttributeSpec<number> {
  return { type, how: 1 };
}

export function getU16(type: NamedType): AttributeSpec<number> {
  return { type, how: 2 };
}

export function getU32(type: NamedType): AttributeSpec<number> {
  return { type, how: 4 };
}

/** Attributes to look for. */
export interface AttributeDecoder<Subject, Values extends readonly unknown[]> {
  /** Type and {@link AttributeSpec.how} of each attribute. */
  readonly wanted: Uint8Array;
  /** The name of each attribute. */
  readonly names: readonly string[];
  /** Returns what has the attributes, e.g. "ib0", for errors. `wrong` is the value whose length is wrong. */
  readonly describe: (subject: Subject, wrong?: Uint8Array) => string;
  /** For the compiler only. */
  readonly values?: Values;
}

/** Makes a decoder. Make it once for each kind of message, not for each message. */
export function attributeDecoder<Subject, Values extends readonly unknown[]>(
  describe: AttributeDecoder<Subject, Values>["describe"],
  ...specs: { readonly [Index in keyof Values]: AttributeSpec<Values[Index]> }
): AttributeDecoder<Subject, Values> {
  const wanted = specs.flatMap(({ type, how }) => [...Object.values(type), how]);
  return { wanted: Uint8Array.from(wanted), names: specs.flatMap(({ type }) => Object.keys(type)), describe };
}

/**
 * Returns the values of the attributes in `bytes` from `start` on, in the order of the decoder; `undefined` for an
 * attribute that is missing. If a type occurs several times, the last attribute counts, as in the kernel.
 * @param subject for errors: what the decoder describes. It is described only then, because that takes time.
 * @throws {MalformedReply} if a length does not fit.
 */
export function decodeAttributes<Subject, Values extends readonly unknown[]>(
  bytes: Uint8Array,
  start: number,
  decoder: AttributeDecoder<Subject, Values>,
  subject: Subject,
): { readonly [Index in keyof Values]: Values[Index] | undefined } {
  const values = netlinkAttributes(bytes, start, decoder.wanted);
  if (values === undefined) throw lengthError(bytes.subarray(start), decoder, subject);
  // The compiler does not know that host.netlinkAttributes reads each value as the decoder describes.
  return values as unknown as { readonly [Index in keyof Values]: Values[Index] | undefined };
}

/** Returns a text among the attributes from `start` on; `undefined` if it is missing, or if a length does not fit. */
export function findText(bytes: Uint8Array, start: number, type: number): string | undefined {
  return netlinkAttributes(bytes, start, Uint8Array.of(type, TEXT))?.[0] as string | undefined;
}

/** Returns the error for attributes of which a length does not fit. */
function lengthError<Subject>(
  bytes: Uint8Array,
  { wanted, names, describe }: Pick<AttributeDecoder<Subject, never>, "wanted" | "names" | "describe">,
  subject: Subject,
): MalformedReply {
  const attributes = parseAttributes(bytes, describe(subject));
  for (const [i, name] of names.entries()) {
    const [type, how] = [wanted[2 * i], wanted[2 * i + 1] as number];
    const value = attributes.findLast((attribute) => attribute.type === type)?.value;
    if (value !== undefined && how !== BYTES && how !== TEXT && value.length !== how)
      return wrongLength(name, describe(subject, value), value, how);
  }
  return doesNotFit(describe(subject));
}

/** Returns the error for an attribute that is not of the expected length in bytes. */
export function wrongLength(
  name: string,
  object: string,
  { length }: { readonly length: number },
  expected: number | string,
): MalformedReply {
  return new MalformedReply(
    `${name} of ${object} has ${length} ${length === 1 ? "byte" : "bytes"}, not ${expected}`,
  );
}

/** Returns the error for an attribute that ends after its message, or is shorter than its header. */
function doesNotFit(object: string): MalformedReply {
  return new MalformedReply(`the length of an attribute of ${object} does not fit`);
}

/**
 * Reads a number of 64 bits. Above 2^53 it is not exact.
 * @param name for errors: the attribute's name in the kernel.
 * @param object for errors: what has the attribute.
 * @throws {MalformedReply} if the value is not 8 bytes long.
 */
export function readU64(value: Uint8Array, name: string, object: string): number {
  if (value.length !== 8) throw wrongLength(name, object, value, 8);
  return Number(viewOf(value).getBigUint64(0, true));
}

/**
 * Returns four bytes at an offset as a signed number; bytes beyond the end are 0. A DataView takes ten times as long.
 */
export function s32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Returns four bytes as an unsigned number, see {@link s32At}. */
export function u32At(bytes: Uint8Array, at: number): number {
  return s32At(bytes, at) >>> 0;
}

/** Decodes a text up to its NUL byte, or completely if it has no NUL byte. */
export function readString(value: Uint8Array): string {
  const end = value.indexOf(0);
  return utf8Decode(end === -1 ? value : value.subarray(0, end));
}

/** Returns a DataView of exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
