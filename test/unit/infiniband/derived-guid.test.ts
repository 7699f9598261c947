import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DERIVED_GUIDS, derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { guidFromBytes, guidToBytes, isUsableGuid } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";

const port = guid("98:03:9b:03:00:ab:01:00");

describe("the GUID that is derived for a VF", () => {
  test.each([
    [0, 0, "9a:03:9b:03:01:ab:01:00"],
    [1, 0, "9a:03:9b:03:02:ab:01:00"],
    [126, 0, "9a:03:9b:03:7f:ab:01:00"],
    [1023, 0, "9a:03:9b:07:00:ab:01:00"],
    [0, 1, "9a:03:9b:13:01:ab:01:00"],
    [0, 15, "9a:03:9b:f3:01:ab:01:00"],
  ])("is always the same: VF %i, choice %i", (vf, choice, expected) => {
    expect(derivedGuid(port, vf, choice)).toBe(expected);
  });

  test("differs from all others of a port, whatever was chosen, and from the port's own", () => {
    for (const own of [port, guid("9a:03:9b:03:00:ab:01:00"), guid("24:8a:07:ff:fe:ab:01:00")]) {
      const all = new Set<string>([own]);
      for (let vf = 0; vf < 1000; vf++) {
        for (let choice = 0; choice < DERIVED_GUIDS; choice++) all.add(derivedGuid(own, vf, choice));
      }
      expect(all.size).toBe(1 + 1000 * DERIVED_GUIDS);
    }
  });

  test.each([
    ["03:00, Mellanox's", 0x03, 0x00],
    ["ff:fe, the IEEE's", 0xff, 0xfe],
  ])("is unique in any fabric: it contains port and VF, the middle being %s", (_, third, fourth) => {
    const bytes = fc.uint8Array({ minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(bytes, fc.nat(4094), ([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0], vf) => {
        // A vendor's GUID is neither a local nor a group address.
        const own = Uint8Array.of(a & 0xfc, b, c, third, fourth, d, e, f);
        const derived = guidToBytes(derivedGuid(guidFromBytes(own), vf));
        const [first = 0, , , high = 0, low = 0] = derived;
        expect((((high ^ third) << 8) | (low ^ fourth)) - 1).toBe(vf);
        expect(
          derived
            .with(0, first & ~2)
            .with(3, third)
            .with(4, fourth),
        ).toEqual(own);
      }),
    );
  });

  test("is locally administered, is not a group address, and can be assigned, for any GUID of the port", () => {
    const bytes = fc.uint8Array({ minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(bytes, fc.nat(4094), fc.nat(DERIVED_GUIDS - 1), (own, vf, choice) => {
        const derived = derivedGuid(guidFromBytes(own), vf, choice);
        expect(Number.parseInt(derived.slice(0, 2), 16) & 3).toBe(2);
        expect(isUsableGuid(derived)).toBe(true);
        expect(derived).not.toBe(guidFromBytes(own));
      }),
    );
  });
});
