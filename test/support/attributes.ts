import {
  type Attribute,
  encodeAttributes,
  parseAttributes,
  type ReceivedAttribute,
} from "../../src/netlink/attributes.ts";

/** Returns the value of the attribute of a type, of the last one if there are several (as the kernel reads them). */
export function findAttribute(
  attributes: readonly ReceivedAttribute[],
  type: number,
): Uint8Array | undefined {
  return attributes.findLast((attribute) => attribute.type === type)?.value;
}

/** Returns all parts in one array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Decodes attributes that are well-formed. */
export function attributesIn(bytes: Uint8Array): ReceivedAttribute[] {
  return parseAttributes(bytes, "a test");
}

/** Decodes the attributes of a request, as its receiver does. */
export function received(attributes: readonly Attribute[]): ReceivedAttribute[] {
  return attributesIn(encodeAttributes(attributes));
}

/** Returns 32-bit words in host order. */
export function packU32(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}
