import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCidr, parseAddress, parseCidr } from "../../../src/netlink/cidr.ts";

describe("CIDR", () => {
  it("keeps host bits in a round trip", () => {
    const four = fc.tuple(fc.ipV4(), fc.nat(32));
    const six = fc.tuple(
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatCidr(bytes, 0).slice(0, -2)),
      fc.nat(128),
    );
    fc.assert(
      fc.property(fc.oneof(four, six), ([address, prefix]) => {
        const parsed = parseCidr(`${address}/${prefix}`);
        expect(parsed.family).toBe(address.includes(":") ? 10 : 2);
        expect(formatCidr(parsed.bytes, parsed.prefix)).toBe(`${address}/${prefix}`);
      }),
    );
  });

  it.each([
    "",
    "/",
    "10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/33",
    "10.0.0.1/-1",
    "10.0.0.1/+8",
    "10.0.0.1/8 ",
    "10.0.0.1/0x8",
    "10.0.0.1/1e1",
    "10.0.0/8",
    "10.0.0.1/8/8",
    "::/129",
    "fe80::1%eth0/64",
    "10.0.0.1/0008",
  ])("refuses %j", (text) => expect(() => parseCidr(text)).toThrow(RangeError));

  it("names the text that it refuses", () => {
    expect(() => parseCidr("10.0.0.1/33")).toThrow('the prefix length of "10.0.0.1/33" is over 32');
    expect(() => parseAddress("gateway")).toThrow('"gateway" is not an IP address');
  });
});
