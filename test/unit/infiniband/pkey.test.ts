import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatPKey, isOfPartition, parsePKey } from "../../../src/infiniband/pkey.ts";

describe("parsePKey", () => {
  test.each([
    ["0x5", 5, false],
    ["0X5", 5, false],
    ["0x0005", 5, false],
    ["5", 5, false],
    ["10", 10, false],
    ["0x10", 16, false],
    ["0x7fff", 0x7fff, false],
    ["0x8005", 5, true],
    ["0xFFFF", 0x7fff, true],
    ["32773", 5, true],
  ])("%s is partition %i, full member %s", (text, partition, fullMember) => {
    expect(parsePKey(text)).toEqual({ partition, fullMember });
  });

  test.each([
    "",
    "0x",
    "0x0",
    "0",
    "0x8000",
    "0x10000",
    "0x10001",
    "65537",
    "65536",
    "-1",
    "0x-1",
    "1e2",
    "5.0",
    " 5",
    "0x5 ",
    "five",
    "0xg",
    "1f",
    "0x000000000000005",
  ])("refuses %j", (text) => {
    expect(parsePKey(text)).toBeUndefined();
  });

  test("a printed pkey is read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7fff }), fc.boolean(), (partition, fullMember) => {
        expect(parsePKey(formatPKey({ partition, fullMember }))).toEqual({ partition, fullMember });
      }),
    );
  });

  test("prints four digits, membership in the first", () => {
    expect(formatPKey({ partition: 5, fullMember: false })).toBe("0x0005");
    expect(formatPKey({ partition: 5, fullMember: true })).toBe("0x8005");
  });

  test("any text is refused or within 15 bits", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789abcdefx-. "), maxLength: 8 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const pkey = parsePKey(text);
        if (pkey === undefined) return;
        expect(pkey.partition).toBeGreaterThan(0);
        expect(pkey.partition).toBeLessThanOrEqual(0x7fff);
      }),
    );
  });
});

describe("an entry of a port's table", () => {
  test("belongs to a partition as a full or limited member", () => {
    const pkey = { partition: 5, fullMember: true };
    expect([0x5, 0x8005, 0x8006, 0x7fff, 0].map((key) => isOfPartition(key, pkey))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
