import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ALL_ONES_GUID,
  guidFromBytes,
  guidFromNumber,
  guidToBytes,
  guidToWords,
  isUsableGuid,
  parseGuid,
  sameGuid,
  ZERO_GUID,
} from "../../../src/infiniband/guid.ts";

const canonical = "02:00:00:aB:00:00:00:01".toLowerCase();
const bytes = fc.uint8Array({ minLength: 8, maxLength: 8 });

describe("parseGuid", () => {
  test.each([
    ["colons", "02:00:00:ab:00:00:00:01"],
    ["dashes", "02-00-00-ab-00-00-00-01"],
    ["dots between groups of four, as in Go's net.ParseMAC", "0200.00ab.0000.0001"],
    ["sysfs' groups of four", "0200:00ab:0000:0001"],
    ["0x", "0x020000ab00000001"],
    ["0X", "0X020000ab00000001"],
    ["plain digits", "020000ab00000001"],
    ["any case", "02:00:00:AB:00:00:00:01"],
  ])("accepts %s", (_, text) => {
    expect(parseGuid(text)).toBe(canonical);
  });

  test.each([
    ["empty", ""],
    ["auto", "auto"],
    ["an Ethernet address", "02:00:00:00:00:01"],
    ["an IPoIB hardware address", `80:00:00:48:fe:80:00:00:00:00:00:00:${canonical}`],
    ["mixed separators", "02:00-00:ab:00:00:00:01"],
    ["one separator too many", "02:00:00:ab:00:00:00:01:"],
    ["the length of pairs, with a separator in the wrong place", "02:00:00:ab:00:00:000:1"],
    ["the length of pairs, with digits only", "020000ab000000010000000"],
    ["the length of pairs, with 0x and digits", "0x020000ab0000000100000"],
    ["groups of four with one separator too many, which have the length of pairs", "0200:00ab:0000:0001::::"],
    ["groups of one digit", "2:0:0:ab:0:0:0:1"],
    ["uneven groups", "020:0:00ab:0000:0001"],
    ["another separator", "02 00 00 ab 00 00 00 01"],
    ["too few digits after 0x, because one may be missing", "0x20000ab00000001"],
    ["too many digits", "0x0020000ab00000001"],
    ["a letter that is not a digit", "02:00:00:ag:00:00:00:01"],
    ["full-width digits", "０２:00:00:ab:00:00:00:01"],
    ["white space around", " 02:00:00:ab:00:00:00:01"],
    ["a newline at the end", "02:00:00:ab:00:00:00:01\n"],
    ["a sign", "0x+20000ab00000001"],
  ])("refuses %s", (_, text) => {
    expect(parseGuid(text)).toBeUndefined();
  });

  test("any 8 bytes are read back from any spelling", () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(":", "-", "."), fc.boolean(), (each, separator, upper) => {
        const guid = guidFromBytes(each);
        const pairs = guid.split(":");
        const fours = [0, 2, 4, 6].map((i) => `${pairs[i]}${pairs[i + 1]}`);
        for (const text of [pairs.join(separator), fours.join(separator), `0x${pairs.join("")}`]) {
          expect(parseGuid(upper ? text.toUpperCase() : text)).toBe(guid);
        }
      }),
    );
  });

  test("any text is either refused or 16 hexadecimal digits with separators", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEFxX:-. g"), maxLength: 26 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        const guid = parseGuid(text);
        if (guid === undefined) return;
        const digits = text.replace(/^0x/i, "").replace(/[:.-]/g, "");
        expect(digits).toMatch(/^[0-9a-f]{16}$/i);
        expect(guid).toBe(digits.toLowerCase().match(/../g)?.join(":"));
      }),
    );
  });
});

describe("bytes", () => {
  test("are in network order", () => {
    const guid = guidFromBytes(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 1));
    expect(guid).toBe("02:00:00:00:00:00:00:01");
    expect(guidToBytes(guid)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 1));
  });

  test("survive a round trip", () => {
    fc.assert(
      fc.property(bytes, (each) => {
        expect(guidToBytes(guidFromBytes(each))).toEqual(each);
      }),
    );
  });

  test("must be 8", () => {
    for (const from of [guidFromBytes, guidFromNumber]) {
      for (const length of [0, 6, 7, 9, 20]) {
        expect(() => from(new Uint8Array(length))).toThrow(
          new RangeError(`a GUID has 8 bytes, not ${length}`),
        );
      }
    }
  });
});

describe("the number of a GUID", () => {
  const guid = guidFromBytes(Uint8Array.of(0x82, 0x11, 0x22, 0x33, 0xf4, 0x55, 0x66, 0x77));

  test("has the last byte first in the kernel's memory", () => {
    expect(guidFromNumber(Uint8Array.of(0x77, 0x66, 0x55, 0xf4, 0x33, 0x22, 0x11, 0x82))).toBe(guid);
  });

  test("has its lower word first, without a sign", () => {
    expect(guidToWords(guid)).toEqual([0xf455_6677, 0x8211_2233]);
    expect([guidToWords(ZERO_GUID), guidToWords(ALL_ONES_GUID)]).toEqual([
      [0, 0],
      [0xffff_ffff, 0xffff_ffff],
    ]);
  });

  test("is the same from bytes and from words", () => {
    fc.assert(
      fc.property(bytes, (each) => {
        const number = guidFromNumber(each);
        expect(number).toBe(guidFromBytes(each.toReversed()));
        const [low, high] = guidToWords(number);
        const view = new DataView(each.buffer, each.byteOffset);
        expect([low, high]).toEqual([view.getUint32(0, true), view.getUint32(4, true)]);
      }),
    );
  });
});

describe("no GUID", () => {
  test("zero and all-ones cannot be assigned, their neighbors can", () => {
    expect(isUsableGuid(ZERO_GUID)).toBe(false);
    expect(isUsableGuid(ALL_ONES_GUID)).toBe(false);
    expect(isUsableGuid(guidFromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)))).toBe(true);
    expect(isUsableGuid(guidFromBytes(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 254)))).toBe(true);
  });

  test("zero, all-ones and `undefined` are equal", () => {
    const none = [ZERO_GUID, ALL_ONES_GUID, undefined];
    for (const a of none) for (const b of none) expect(sameGuid(a, b)).toBe(true);
    const some = guidFromBytes(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 1));
    for (const a of none) {
      expect(sameGuid(a, some)).toBe(false);
      expect(sameGuid(some, a)).toBe(false);
    }
    expect(sameGuid(some, parseGuid("0200.0000.0000.0001"))).toBe(true);
    expect(sameGuid(some, parseGuid("0200.0000.0000.0002"))).toBe(false);
  });
});
