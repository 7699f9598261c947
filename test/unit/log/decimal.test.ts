import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal } from "../../../src/log/encode.ts";

describe("a number of milliseconds as text", () => {
  test.each([
    [0, "0"],
    [7, "7"],
    [1000, "1000"],
    [0.001, "0.001"],
    [0.01, "0.010"],
    [0.1, "0.100"],
    [5.25, "5.250"],
    [12.034, "12.034"],
    [999.999, "999.999"],
    [0.1 + 0.2, "0.300"],
    [0.0004, "0"],
    [0.0005, "0.001"],
    [0.9996, "1"],
    [1.0004, "1"],
    [2 ** 32, "4294967296"],
    // Ten years.
    [315_360_000_000.125, "315360000000.125"],
  ])("has its microseconds, without trailing zeros: %d", (number, text) => {
    expect(decimal(number)).toBe(text);
  });

  test("equals the language's text of a number of microseconds, except for trailing zeros", () => {
    const microseconds = fc.oneof(
      fc.nat(),
      fc.maxSafeNat().map((nat) => nat % 1e15),
      fc.nat().map((nat) => nat * 1000),
    );
    fc.assert(
      fc.property(microseconds, (each) => {
        const number = each / 1000;
        const text = decimal(number);
        expect(text).toMatch(/^\d+(\.\d{3})?$/);
        expect(text.replace(/\.?0+$/, (zeros) => (text.includes(".") ? "" : zeros))).toBe(String(number));
      }),
    );
  });

  test("is the nearest text of any other number, and always JSON", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = decimal(number);
        expect(text).toMatch(/^\d+(\.\d{3})?$/);
        expect(JSON.parse(text)).toBe(Math.round(number * 1000) / 1000);
      }),
    );
  });
});
