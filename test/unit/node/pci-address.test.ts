import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePciAddress } from "../../../src/node/pci-address.ts";

describe("parsePciAddress", () => {
  test.each([
    ["0000:03:00.2", "0000:03:00.2"],
    ["0000:AF:1F.7", "0000:af:1f.7"],
    ["10000:e1:00.0", "10000:e1:00.0"],
    ["00000000:03:00.2", "0000:03:00.2"],
    ["0A00:00:01.0", "0a00:00:01.0"],
  ])("%s is %s in the kernel's spelling", (text, address) => {
    expect(parsePciAddress(text)).toBe(address);
  });

  test.each([
    "",
    "03:00.2",
    "0000:03:00",
    "0000:03:00.8",
    "0000:03:20.0",
    "0000:03:0.2",
    "000:03:00.2",
    "0000:3:00.2",
    "0000:03:00.2\n",
    " 0000:03:00.2",
    "0000:03:00.2/..",
    "../../etc",
    "0000:03:00.2.1",
    "0000:00:03:00.2",
    "000000000:03:00.2",
    "0000:0g:00.2",
    "0000:03:00.2\0",
    "mlx5_0",
    "..:..:....",
    "0000:+3:00.2",
  ])("refuses %j", (text) => {
    expect(parsePciAddress(text)).toBeUndefined();
  });

  test("any other text is refused", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123af:./ "), maxLength: 14 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const address = parsePciAddress(text);
        if (address === undefined) return;
        expect(address).toMatch(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/);
        expect(parsePciAddress(address.toUpperCase())).toBe(address);
      }),
    );
  });
});
