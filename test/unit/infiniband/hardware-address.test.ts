import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatHardwareAddress,
  HARDWARE_ADDRESS_LENGTH,
  parseHardwareAddress,
  portGuidOf,
} from "../../../src/infiniband/hardware-address.ts";

const text = "80:00:00:48:fe:80:00:00:00:00:00:00:02:00:00:00:00:00:00:01";
const address = fc.uint8Array({ minLength: HARDWARE_ADDRESS_LENGTH, maxLength: HARDWARE_ADDRESS_LENGTH });

describe("IPoIB hardware address", () => {
  test("contains the port GUID in bytes 12 to 19", () => {
    const parsed = parseHardwareAddress(text);
    expect(parsed).toBeDefined();
    expect(portGuidOf(parsed ?? new Uint8Array())).toBe("02:00:00:00:00:00:00:01");
  });

  test("has no port GUID if it has another length: 6 bytes are Ethernet", () => {
    expect(portGuidOf(Uint8Array.of(2, 0, 0, 0, 0, 1))).toBeUndefined();
    expect(portGuidOf(new Uint8Array())).toBeUndefined();
    expect(portGuidOf(new Uint8Array(21))).toBeUndefined();
  });

  test("survives a round trip, in upper and lower case", () => {
    fc.assert(
      fc.property(address, (bytes) => {
        expect(parseHardwareAddress(formatHardwareAddress(bytes))).toEqual(bytes);
        expect(parseHardwareAddress(formatHardwareAddress(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test.each([
    "",
    "02:00:00:00:00:01",
    text.slice(3),
    `${text}:00`,
    text.replace("48", "4g"),
    text.replace("48", "4"),
  ])("is not %j", (bad) => {
    expect(parseHardwareAddress(bad)).toBeUndefined();
  });

  test("of any length can be printed", () => {
    expect(formatHardwareAddress(Uint8Array.of(2, 0, 0, 0, 0, 0xab))).toBe("02:00:00:00:00:ab");
    expect(formatHardwareAddress(new Uint8Array())).toBe("");
  });
});
