import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOfPairs, colonPairs, reversedPairs } from "../../../src/infiniband/hex.ts";

const bytes = fc.uint8Array({ maxLength: 32 });

describe("bytes as pairs of digits", () => {
  test("have two lower-case digits each, and colons between them only", () => {
    expect(colonPairs(Uint8Array.of(0, 0x0a, 0xff))).toBe("00:0a:ff");
    expect(colonPairs(Uint8Array.of(7))).toBe("07");
    expect(colonPairs(Uint8Array.of())).toBe("");
  });

  test("are as any other program writes them", () => {
    fc.assert(
      fc.property(bytes, (some) => {
        expect(colonPairs(some)).toBe(Buffer.from(some).toString("hex").match(/../g)?.join(":") ?? "");
      }),
    );
  });

  test("are reversed if they are a number in the host's order", () => {
    expect(reversedPairs(Uint8Array.of(0, 0x0a, 0xff))).toBe("ff:0a:00");
    fc.assert(
      fc.property(bytes, (some) => {
        expect(reversedPairs(some)).toBe(colonPairs(some.toReversed()));
      }),
    );
  });

  test("are those of a view into a message, if the bytes are such a view", () => {
    const message = Uint8Array.of(1, 2, 3, 4);
    expect([colonPairs(message.subarray(1, 3)), reversedPairs(message.subarray(1, 3))]).toEqual([
      "02:03",
      "03:02",
    ]);
  });
});

describe("pairs of digits as bytes", () => {
  test("are the original ones, in lower or upper case, with any separators", () => {
    const separator = fc.constantFrom(":", "-", ".");
    fc.assert(
      fc.property(bytes, separator, fc.boolean(), (some, between, isUpper) => {
        const text = colonPairs(some).replaceAll(":", between);
        expect(bytesOfPairs(isUpper ? text.toUpperCase() : text)).toEqual(some);
      }),
    );
  });
});
