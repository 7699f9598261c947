import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressFamily,
  networkOf,
  parseAddress,
  parseCidr,
  requireAddress,
  requireCidr,
} from "../../../src/ip/address.ts";

function network(text: string): string | undefined {
  const cidr = parseCidr(text);
  return cidr === undefined ? undefined : networkOf(cidr);
}

describe("parseCidr", () => {
  test.each([
    ["10.0.0.5/24", 4, 24, "10.0.0.5/24"],
    ["0.0.0.0/0", 4, 0, "0.0.0.0/0"],
    ["10.0.0.5/32", 4, 32, "10.0.0.5/32"],
    ["fd00::5/64", 6, 64, "fd00::5/64"],
    ["FD00:0:0:0::5/64", 6, 64, "fd00::5/64"],
    ["::/0", 6, 0, "::/0"],
    ["::1/128", 6, 128, "::1/128"],
    ["fe80::1/10", 6, 10, "fe80::1/10"],
  ])("%s: family %i, prefix %i, host bits kept", (text, family, prefix, canonical) => {
    expect(parseCidr(text)).toMatchObject({ family, prefix, text: canonical });
  });

  test("an IPv4-mapped address counts as IPv4", () => {
    expect(parseCidr("::ffff:10.0.0.5/120")).toMatchObject({ family: 4, prefix: 24, text: "10.0.0.5/24" });
    expect(parseCidr("::ffff:a00:5/128")?.text).toBe("10.0.0.5/32");
    expect(parseAddress("::ffff:10.0.0.1")?.text).toBe("10.0.0.1");
  });

  test.each([
    ["without a prefix", "10.0.0.5"],
    ["leading zeros", "10.0.0.05/24"],
    ["leading zeros", "010.0.0.5/24"],
    ["an empty prefix", "10.0.0.5/"],
    ["a prefix too long", "10.0.0.5/33"],
    ["a prefix too long", "fd00::5/129"],
    ["a prefix that is not a number", "10.0.0.5/2a"],
    ["a netmask", "10.0.0.5/255.255.255.0"],
    ["a sign", "10.0.0.5/+8"],
    ["a negative prefix", "10.0.0.5/-1"],
    ["two prefixes", "10.0.0.5/24/24"],
    ["three numbers", "10.0.5/24"],
    ["a number too large", "10.0.0.256/24"],
    ["hexadecimal", "0x0a.0.0.5/24"],
    ["a zone", "fe80::1%eth0/64"],
    ["two gaps", "fd00::1::2/64"],
    ["brackets", "[fd00::5]/64"],
    ["white space", " 10.0.0.5/24"],
    ["a NUL", "10.0.0.5\0/24"],
    ["a trailing NUL", "10.0.0.5/24\0"],
    ["nothing", ""],
    ["only a slash", "/"],
    ["only a prefix", "/24"],
    ["a name", "localhost/24"],
    ["a mapped address with a prefix that cuts the mapping", "::ffff:10.0.0.5/64"],
    ["a very long text", `${"1".repeat(100_000)}/24`],
  ])("refuses %s: %s", (_, text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("a printed address is read back", () => {
    const text = fc.oneof(
      fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
      fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(text, ([address, prefix]) => {
        const cidr = parseCidr(`${address}/${prefix}`);
        if (cidr === undefined) return;
        expect(parseCidr(cidr.text)).toEqual(cidr);
        expect(addressFamily(cidr.text)).toBe(cidr.family);
        expect(cidr.bytes).toHaveLength(cidr.family === 4 ? 4 : 16);
      }),
    );
  });

  test("does not crash for any text", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789abf:./%"), maxLength: 24 });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: "binary" })), (text) => {
        parseCidr(text);
        parseAddress(text);
      }),
    );
  });
});

describe("networkOf", () => {
  test.each([
    ["10.1.2.3/24", "10.1.2.0/24"],
    ["10.1.2.255/25", "10.1.2.128/25"],
    ["10.1.2.3/0", "0.0.0.0/0"],
    ["10.1.2.3/32", "10.1.2.3/32"],
    ["10.1.2.3/13", "10.0.0.0/13"],
    ["fd00:1:2:3::5/64", "fd00:1:2:3::/64"],
    ["fd00:1:2:ffff::5/49", "fd00:1:2:8000::/49"],
  ])("%s lies in %s", (text, expected) => {
    expect(network(text)).toBe(expected);
  });

  test("is a network itself", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, prefix) => {
        const first = network(`${address}/${prefix}`);
        expect(first === undefined ? undefined : network(first)).toBe(first);
      }),
    );
  });
});

test("an address without prefix gets its canonical spelling", () => {
  expect(parseAddress("FD00::0001")?.text).toBe("fd00::1");
  expect(parseAddress("10.0.0.1")?.text).toBe("10.0.0.1");
  expect(parseAddress("10.0.0.1/24")).toBeUndefined();
  expect(parseAddress("")).toBeUndefined();
});

test("a text that must be an address, and is not, is named", () => {
  expect(() => requireCidr("10.0.0.1/33")).toThrow('"10.0.0.1/33" is not an IP address with a prefix length');
  expect(() => requireAddress("gateway")).toThrow('"gateway" is not an IP address');
});
