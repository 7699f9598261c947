import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Attribute,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  encodeAttributes,
  getBytes,
  getText,
  getU8,
  getU16,
  getU32,
  nestedAttribute,
  parseAttributes,
  type ReceivedAttribute,
  readS32,
  readString,
  readU8,
  readU16,
  readU32,
  readU64,
  s32Attribute,
  stringAttribute,
  u8Attribute,
  u16Attribute,
  u32Attribute,
  u64Attribute,
  wordsAttribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { findAttribute, packU32 } from "../../support/attributes.ts";

/** Returns types without the flags that a parser removes. */
const type = fc.integer({ min: 0, max: 0x3fff });
const value = fc.uint8Array({ maxLength: 40 });

/** Returns the one attribute of an encoding. */
function only(attribute: Attribute): ReceivedAttribute {
  const parsed = parseAttributes(encodeAttributes([attribute]));
  expect(parsed).toHaveLength(1);
  return parsed[0] as ReceivedAttribute;
}

describe("attributes", () => {
  it("are decoded as they were encoded, in order, repeated types too", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ type, value })), (attributes) => {
        const bytes = encodeAttributes(attributes.map((one) => bytesAttribute(one.type, one.value)));
        expect(bytes.length % 4).toBe(0);
        expect(parseAttributes(bytes)).toEqual(attributes);
      }),
    );
  });

  it("nest to any depth", () => {
    fc.assert(
      fc.property(fc.array(type, { maxLength: 12 }), value, (types, leaf) => {
        const tree = types.reduce<Attribute>(
          (inner, outer) => nestedAttribute(outer, [inner]),
          bytesAttribute(1, leaf),
        );
        const inner = types.reduceRight<ReceivedAttribute>((outer, expected) => {
          expect(outer.type).toBe(expected);
          return parseAttributes(outer.value)[0] as ReceivedAttribute;
        }, only(tree));
        expect(inner).toEqual({ type: 1, value: leaf });
      }),
    );
  });

  it("contain numbers of every size and sign, and text", () => {
    const carries = <T>(
      numbers: fc.Arbitrary<T>,
      make: (type: number, value: T) => Attribute,
      read: (value: Uint8Array) => T,
    ) =>
      fc.assert(
        fc.property(type, numbers, (t, n) => {
          const back = only(make(t, n));
          expect([back.type, read(back.value)]).toEqual([t, n]);
        }),
      );
    carries(fc.nat(0xff), u8Attribute, readU8);
    carries(fc.nat(0xffff), u16Attribute, readU16);
    carries(fc.nat(0xffffffff), u32Attribute, readU32);
    carries(fc.integer(), s32Attribute, readS32);
    carries(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), u64Attribute, readU64);
    const text = fc.string({ unit: "grapheme" }).filter((one) => !one.includes("\0"));
    carries(text, stringAttribute, readString);
  });

  it("are little-endian, as the supported machines are", () => {
    expect([...encodeAttributes([u32Attribute(0x1234, 0x01020304)])]).toEqual([8, 0, 0x34, 0x12, 4, 3, 2, 1]);
    expect([...encodeAttributes([nestedAttribute(2, [])])]).toEqual([4, 0, 2, 0x80]);
  });

  it("end text with a NUL byte, and read it up to that byte or to its end", () => {
    expect([...only(stringAttribute(1, "ib0")).value]).toEqual([0x69, 0x62, 0x30, 0]);
    expect(readString(Uint8Array.of(0x69, 0x62, 0, 0x33))).toBe("ib");
    expect(readString(Uint8Array.of(0x69, 0x62))).toBe("ib");
  });

  it("are decoded by type after a header, the last one if there are several", () => {
    const names = attributeDecoder(getBytes(1), getBytes(9), getBytes(2));
    const attributes = [u8Attribute(1, 1), u8Attribute(200, 9), u8Attribute(2, 2), u8Attribute(1, 3)];
    const bytes = Uint8Array.of(1, 2, 3, 4, ...encodeAttributes(attributes));
    expect(decodeAttributes(bytes, 4, names)).toEqual([Uint8Array.of(3), undefined, Uint8Array.of(2)]);
    expect(decodeAttributes(bytes, bytes.length, names)).toEqual([undefined, undefined, undefined]);
  });

  it("are decoded by type whatever their flags", () => {
    const bytes = encodeAttributes([nestedAttribute(1, [])]);
    expect(decodeAttributes(bytes, 0, attributeDecoder(getBytes(1)))).toEqual([new Uint8Array(0)]);
  });

  it("are decoded as numbers and texts of their types", () => {
    const bytes = encodeAttributes([
      u8Attribute(1, 0xff),
      u16Attribute(2, 0xfffe),
      u32Attribute(3, 0xfffffffd),
      stringAttribute(4, "ib0"),
      bytesAttribute(5, Uint8Array.of(0x69, 0x62, 0, 0x33)),
      bytesAttribute(6, Uint8Array.of(0x69, 0x62)),
      bytesAttribute(7, new Uint8Array(0)),
    ]);
    const wanted = attributeDecoder(
      getU8(1),
      getU16(2),
      getU32(3),
      getText(4),
      getText(5),
      getText(6),
      getText(7),
    );
    expect(decodeAttributes(bytes, 0, wanted)).toEqual([0xff, 0xfffe, 0xfffffffd, "ib0", "ib", "ib", ""]);
  });

  it.each([
    ["a u8", getU8(1), 2, "a value of 2 bytes, expected 1"],
    ["a u16", getU16(1), 4, "a value of 4 bytes, expected 2"],
    ["a u32", getU32(1), 3, "a value of 3 bytes, expected 4"],
    ["an empty u32", getU32(1), 0, "a value of 0 bytes, expected 4"],
  ])(
    "that are decoded as %s with another length are refused, with both lengths",
    (_, wanted, length, message) => {
      const bytes = encodeAttributes([
        bytesAttribute(2, new Uint8Array(9)),
        bytesAttribute(1, new Uint8Array(length)),
      ]);
      const pick = () =>
        decodeAttributes(bytes, 0, attributeDecoder<[unknown, unknown]>(getBytes(2), wanted));
      expect(pick).toThrow(new MalformedReply(message));
    },
  );

  it("of a type are valid if the last one has the right length", () => {
    const bytes = encodeAttributes([bytesAttribute(1, new Uint8Array(3)), u32Attribute(1, 5)]);
    expect(decodeAttributes(bytes, 0, attributeDecoder(getU32(1)))).toEqual([5]);
  });

  it("of words have the same bytes as in memory", () => {
    expect(only(wordsAttribute(1, [1, 0xffffffff, -2])).value).toEqual(packU32(1, 0xffffffff, 0xfffffffe));
  });

  it("that are too long for their length field are refused", () => {
    expect(() => encodeAttributes([bytesAttribute(1, new Uint8Array(0xffff - 3))])).toThrow(RangeError);
    const longest = new Uint8Array(0xffff - 4).fill(7);
    expect(parseAttributes(encodeAttributes([bytesAttribute(1, longest)]))[0]?.value).toEqual(longest);
  });

  it.each([
    ["cut short in its header", [5, 0, 1]],
    ["shorter than its header", [3, 0, 1, 0]],
    ["of length 0, which would never end", [0, 0, 1, 0, 0, 0, 1, 0]],
    ["longer than the rest", [9, 0, 1, 0, 1, 2, 3, 4]],
    ["the second longer than the rest", [5, 0, 1, 0, 1, 0, 0, 0, 8, 0, 1, 0]],
  ])("%s are refused", (_, bytes) => {
    expect(() => parseAttributes(Uint8Array.from(bytes))).toThrow(MalformedReply);
    expect(() => decodeAttributes(Uint8Array.from(bytes), 0, attributeDecoder(getBytes(7)))).toThrow(
      MalformedReply,
    );
  });

  it("may end without padding", () => {
    expect(parseAttributes(Uint8Array.of(5, 0, 1, 0, 9))).toEqual([{ type: 1, value: Uint8Array.of(9) }]);
  });

  it("with numbers of a wrong length are refused", () => {
    for (const read of [readU8, readU16, readU32, readS32, readU64]) {
      expect(() => read(new Uint8Array(3))).toThrow(MalformedReply);
      expect(() => read(new Uint8Array(0))).toThrow(MalformedReply);
    }
  });

  it("of any bytes are refused, or are inside of the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let attributes: ReceivedAttribute[];
        try {
          attributes = parseAttributes(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
          return;
        }
        const total = attributes.reduce((sum, attribute) => sum + 4 + attribute.value.length, 0);
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it("of any bytes are decoded as they are parsed", () => {
    const names = attributeDecoder(getBytes(0), getBytes(1), getBytes(2));
    const attempt = (read: () => unknown) => {
      try {
        return read();
      } catch (error) {
        return error;
      }
    };
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1, 2, 4, 5, 8), { maxLength: 40 }), (bytes) => {
        const all = Uint8Array.from(bytes);
        const last = () => {
          const attributes = parseAttributes(all);
          return [0, 1, 2].map((type) => findAttribute(attributes, type));
        };
        expect(attempt(() => decodeAttributes(all, 0, names))).toEqual(attempt(last));
      }),
    );
  });
});
