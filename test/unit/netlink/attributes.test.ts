import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Attribute,
  type AttributeSpec,
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
  readString,
  readU64,
  s32At,
  s32Attribute,
  stringAttribute,
  u8Attribute,
  u16Attribute,
  u32At,
  u32Attribute,
  u64Attribute,
  wordsAttribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { attributesIn, findAttribute, packU32 } from "../../support/attributes.ts";

/** Returns types without the flags that a parser removes. */
const type = fc.integer({ min: 0, max: 0x3fff });
const value = fc.uint8Array({ maxLength: 40 });

const decoderOf = <Values extends readonly unknown[]>(
  ...specs: { readonly [Index in keyof Values]: AttributeSpec<Values[Index]> }
) => attributeDecoder((name: string) => name, ...specs);

/** Returns the one attribute of an encoding. */
function only(attribute: Attribute): ReceivedAttribute {
  const parsed = attributesIn(encodeAttributes([attribute]));
  expect(parsed).toHaveLength(1);
  return parsed[0] as ReceivedAttribute;
}

describe("attributes", () => {
  it("are decoded as they were encoded, in order, repeated types too", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ type, value })), (attributes) => {
        const bytes = encodeAttributes(attributes.map((one) => bytesAttribute(one.type, one.value)));
        expect(bytes.length % 4).toBe(0);
        expect(attributesIn(bytes)).toEqual(attributes);
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
          return attributesIn(outer.value)[0] as ReceivedAttribute;
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
    carries(fc.nat(0xff), u8Attribute, (value) => u32At(value, 0));
    carries(fc.nat(0xffff), u16Attribute, (value) => u32At(value, 0));
    carries(fc.nat(0xffffffff), u32Attribute, (value) => u32At(value, 0));
    carries(fc.integer(), s32Attribute, (value) => s32At(value, 0));
    const exact = fc.bigInt({ min: 0n, max: 2n ** 53n });
    carries(exact, u64Attribute, (value) => BigInt(readU64(value, "counter", "ib0")));
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
    const names = decoderOf(getBytes({ A1: 1 }), getBytes({ A9: 9 }), getBytes({ A2: 2 }));
    const attributes = [u8Attribute(1, 1), u8Attribute(200, 9), u8Attribute(2, 2), u8Attribute(1, 3)];
    const bytes = Uint8Array.of(1, 2, 3, 4, ...encodeAttributes(attributes));
    expect(decodeAttributes(bytes, 4, names, "ib0")).toEqual([Uint8Array.of(3), undefined, Uint8Array.of(2)]);
    expect(decodeAttributes(bytes, bytes.length, names, "ib0")).toEqual([undefined, undefined, undefined]);
  });

  it("are decoded by type whatever their flags", () => {
    const bytes = encodeAttributes([nestedAttribute(1, [])]);
    expect(decodeAttributes(bytes, 0, decoderOf(getBytes({ A1: 1 })), "ib0")).toEqual([new Uint8Array(0)]);
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
    const wanted = decoderOf(
      getU8({ A1: 1 }),
      getU16({ A2: 2 }),
      getU32({ A3: 3 }),
      getText({ A4: 4 }),
      getText({ A5: 5 }),
      getText({ A6: 6 }),
      getText({ A7: 7 }),
    );
    expect(decodeAttributes(bytes, 0, wanted, "ib0")).toEqual([
      0xff,
      0xfffe,
      0xfffffffd,
      "ib0",
      "ib",
      "ib",
      "",
    ]);
  });

  it.each([
    [getU8({ IFLA_OPERSTATE: 1 }), 2, "IFLA_OPERSTATE of ib0 has 2 bytes, not 1"],
    [getU16({ IFLA_IPOIB_PKEY: 1 }), 1, "IFLA_IPOIB_PKEY of ib0 has 1 byte, not 2"],
    [getU32({ IFLA_MTU: 1 }), 3, "IFLA_MTU of ib0 has 3 bytes, not 4"],
    [getU32({ IFLA_MTU: 1 }), 0, "IFLA_MTU of ib0 has 0 bytes, not 4"],
  ])(
    "that are decoded as numbers of another length are refused: %j of %i bytes",
    (wanted, length, problem) => {
      const bytes = encodeAttributes([
        bytesAttribute(2, new Uint8Array(9)),
        bytesAttribute(1, new Uint8Array(length)),
      ]);
      const decoder = decoderOf<[unknown, unknown]>(getBytes({ IFLA_ADDRESS: 2 }), wanted);
      expect(() => decodeAttributes(bytes, 0, decoder, "ib0")).toThrow(new MalformedReply(problem));
    },
  );

  it("are described only for errors", () => {
    const decoder = attributeDecoder((describe: () => string) => describe(), getU32({ IFLA_MTU: 4 }));
    const unexpected = () => {
      throw new Error("described");
    };
    expect(decodeAttributes(encodeAttributes([u32Attribute(4, 2044)]), 0, decoder, unexpected)).toEqual([
      2044,
    ]);
  });

  it("of a type are valid if the last one has the right length", () => {
    const bytes = encodeAttributes([bytesAttribute(1, new Uint8Array(3)), u32Attribute(1, 5)]);
    expect(decodeAttributes(bytes, 0, decoderOf(getU32({ A1: 1 })), "ib0")).toEqual([5]);
  });

  it("of words have the same bytes as in memory", () => {
    expect(only(wordsAttribute(1, [1, 0xffffffff, -2])).value).toEqual(packU32(1, 0xffffffff, 0xfffffffe));
  });

  it("that are too long for their length field are refused", () => {
    expect(() => encodeAttributes([bytesAttribute(1, new Uint8Array(0xffff - 3))])).toThrow(RangeError);
    const longest = new Uint8Array(0xffff - 4).fill(7);
    expect(attributesIn(encodeAttributes([bytesAttribute(1, longest)]))[0]?.value).toEqual(longest);
  });

  it.each([
    ["cut short in its header", [5, 0, 1]],
    ["shorter than its header", [3, 0, 1, 0]],
    ["of length 0, which would never end", [0, 0, 1, 0, 0, 0, 1, 0]],
    ["longer than the rest", [9, 0, 1, 0, 1, 2, 3, 4]],
    ["the second longer than the rest", [5, 0, 1, 0, 1, 0, 0, 0, 8, 0, 1, 0]],
  ])("%s are refused", (_, list) => {
    const bytes = Uint8Array.from(list);
    const error = new MalformedReply("the length of an attribute of ib0 does not fit");
    expect(() => parseAttributes(bytes, "ib0")).toThrow(error);
    expect(() => decodeAttributes(bytes, 0, decoderOf(getU32({ IFLA_MTU: 1 })), "ib0")).toThrow(error);
  });

  it("may end without padding", () => {
    expect(attributesIn(Uint8Array.of(5, 0, 1, 0, 9))).toEqual([{ type: 1, value: Uint8Array.of(9) }]);
  });

  it("with counters of a wrong length are refused", () => {
    expect(() => readU64(new Uint8Array(3), "IFLA_VF_STATS_RX_BYTES", "VF 1 of ib0")).toThrow(
      new MalformedReply("IFLA_VF_STATS_RX_BYTES of VF 1 of ib0 has 3 bytes, not 8"),
    );
  });

  it("of any bytes are refused, or are inside of the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let attributes: ReceivedAttribute[];
        try {
          attributes = attributesIn(bytes);
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
    const types = [0, 1, 2].map((type) => getBytes({ [`attribute ${type}`]: type }));
    const names = decoderOf(...types);
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
          const attributes = parseAttributes(all, "ib0");
          return [0, 1, 2].map((type) => findAttribute(attributes, type));
        };
        expect(attempt(() => decodeAttributes(all, 0, names, "ib0"))).toEqual(attempt(last));
      }),
    );
  });
});
