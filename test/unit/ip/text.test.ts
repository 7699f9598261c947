import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress, parseIpv4, parseIpv6 } from "../../../src/ip/text.ts";

const group = fc.oneof(
  fc.constantFrom("0", "00000", "ffff", "1", "g", ""),
  fc.stringMatching(/^[0-9a-fA-F]{1,4}$/),
);
const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.stringMatching(/^\d{1,4}(\.\d{1,4}){2,4}$/),
  fc.constantFrom("01.2.3.4", "1.2.3", "1.2.3.4 ", "1.2.3.4\0", ""),
);
const groups = fc.array(group, { maxLength: 7 });
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc
    .tuple(fc.array(group, { maxLength: 9 }), fc.constantFrom(":", "::"))
    .map(([parts, by]) => parts.join(by)),
  fc.tuple(groups, groups).map(([a, b]) => `${a.join(":")}::${b.join(":")}`),
  fc.tuple(groups, ipv4).map(([a, b]) => `${a.join(":")}:${b}`),
  ipv4.map((address) => `::ffff:${address}`),
);

test("parseIpv4 accepts what Node.js accepts", () => {
  fc.assert(
    fc.property(ipv4, (text) => {
      const expected = isIPv4(text) ? text.split(".").map(Number) : undefined;
      const bytes = parseIpv4(text);
      expect(bytes && [...bytes]).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

test("parseIpv6 accepts what Node.js accepts, with the bytes of the URL parser", () => {
  let valid = 0;
  fc.assert(
    fc.property(ipv6, (text) => {
      const bytes = parseIpv6(text);
      expect([text, bytes !== undefined]).toEqual([text, isIPv6(text)]);
      if (bytes === undefined) return;
      valid++;
      const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
      expect([...bytes]).toEqual([...(parseIpv6(canonical) ?? [])]);
      expect(new URL(`http://[${formatAddress(bytes)}]`).hostname.slice(1, -1)).toBe(canonical);
    }),
    { numRuns: 4000, seed: 42 },
  );
  expect(valid).toBeGreaterThan(300);
});

describe("formatAddress", () => {
  // As glibc's inet_ntop.
  test.each([
    ["10.0.0.5", [10, 0, 0, 5]],
    ["::", new Array(16).fill(0)],
    ["::1", [...new Array(15).fill(0), 1]],
    ["fd00::5", [0xfd, ...new Array(14).fill(0), 5]],
    ["::10.0.0.5", [...new Array(12).fill(0), 10, 0, 0, 5]],
    ["::ffff:10.0.0.5", [...new Array(10).fill(0), 255, 255, 10, 0, 0, 5]],
    ["1:0:2::3:4", [0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4]],
    ["1::2:0:0:3:0", [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0]],
    ["1:2:3:4:5:6:0:7", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 7]],
    ["1:2:3:4:5:6::", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 0]],
  ])("%s", (text, bytes) => {
    expect(formatAddress(Uint8Array.from(bytes))).toBe(text);
  });

  test("refuses other lengths", () => {
    expect(() => formatAddress(new Uint8Array(5))).toThrow(RangeError);
  });
});

test("what parseIpv6 has read from a formatted address is the address", () => {
  const word = fc.oneof(fc.constantFrom(0, 0, 0, 0xffff), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (words) => {
      const bytes = Uint8Array.from(words.flatMap((one) => [one >> 8, one & 255]));
      expect(parseIpv6(formatAddress(bytes))).toEqual(bytes);
    }),
  );
});
