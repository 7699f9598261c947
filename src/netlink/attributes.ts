import { utf8Decode, utf8Encode } from "host";
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
  return { type, value: u32Bytes(value) };
}

export function s32Attribute(type: number, value: number): Attribute {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, value, true);
  return { type, value: bytes };
}

export function u64Attribute(type: number, value: bigint): Attribute {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, value, true);
  return { type, value: bytes };
}

/** Text with the NUL byte that the kernel expects after it. */
export function stringAttribute(type: number, value: string): Attribute {
  return { type, value: concat([utf8Encode(value), Uint8Array.of(0)]) };
}

/** Attributes in an attribute. */
export function nestedAttribute(type: number, attributes: readonly Attribute[]): Attribute {
  return { type: type | NLA_F_NESTED, value: encodeAttributes(attributes) };
}

/** Four bytes in host order, for the fixed structs that some attributes carry. */
export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

/**
 * Attributes one after another, each padded to 4 bytes.
 * @throws {RangeError} where a value does not fit in an attribute (65,531 bytes).
 */
export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
  let length = 0;
  for (const { type, value } of attributes) {
    if (value.length > MAX_VALUE) {
      throw new RangeError(`netlink attribute ${type & TYPE_MASK} of ${value.length} bytes is too long`);
    }
    length += aligned(HEADER + value.length);
  }
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  let at = 0;
  for (const { type, value } of attributes) {
    view.setUint16(at, HEADER + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + HEADER);
    at += aligned(HEADER + value.length);
  }
  return bytes;
}

/**
 * The attributes in `bytes`; their values are views of it.
 * @param wanted types to return; all where it is not given. A netdev has fifty, of which few are of interest.
 * @throws {MalformedReply} where a length does not fit.
 */
export function parseAttributes(bytes: Uint8Array, wanted?: readonly number[]): Attribute[] {
  const view = viewOf(bytes);
  const end = bytes.length;
  const attributes: Attribute[] = [];
  let at = 0;
  while (at < end) {
    const left = end - at;
    const length = left < HEADER ? left : view.getUint16(at, true);
    if (length < HEADER || length > left) {
      throw new MalformedReply(`an attribute of ${length} bytes where ${left} are left`);
    }
    const type = view.getUint16(at + 2, true) & TYPE_MASK;
    if (wanted === undefined || wanted.includes(type)) {
      attributes.push({ type, value: bytes.subarray(at + HEADER, at + length) });
    }
    // As aligned() does; a call for each attribute would cost as much as all the rest.
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** The value of the attribute of a type, of the last one if there are several (as the kernel reads them). */
export function findAttribute(attributes: readonly Attribute[], type: number): Uint8Array | undefined {
  for (let i = attributes.length - 1; i >= 0; i--) {
    const attribute = attributes[i];
    if (attribute !== undefined && attribute.type === type) return attribute.value;
  }
  return undefined;
}

/** @throws {MalformedReply} where it is not 1 byte long; so do the others below, for their lengths. */
export function readU8(value: Uint8Array): number {
  return sized(value, 1).getUint8(0);
}

export function readU16(value: Uint8Array): number {
  return sized(value, 2).getUint16(0, true);
}

export function readU32(value: Uint8Array): number {
  return sized(value, 4).getUint32(0, true);
}

export function readS32(value: Uint8Array): number {
  return sized(value, 4).getInt32(0, true);
}

export function readU64(value: Uint8Array): bigint {
  return sized(value, 8).getBigUint64(0, true);
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

/** All parts, one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function sized(value: Uint8Array, length: number): DataView {
  if (value.length !== length) {
    throw new MalformedReply(`a value of ${value.length} bytes where ${length} were expected`);
  }
  return viewOf(value);
}
