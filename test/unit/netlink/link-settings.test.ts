import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeAttributes,
  nestedAttribute,
  u8Attribute,
  u32Attribute,
} from "../../../src/netlink/attributes.ts";
import { detachXdp, linkSettingsIn, setLinkSettings } from "../../../src/netlink/link-settings.ts";
import { concat, received } from "../../support/attributes.ts";
import { aLinkSettings } from "../../support/records.ts";

const byte = fc.nat(255);
const anySettings = fc.record({
  flags: fc.constantFrom(0, 0x80, 0x1000, 0xf3a4),
  txQueueLength: fc.nat(),
  group: fc.nat(),
  linkMode: byte,
  gsoMaxSize: fc.nat(),
  gsoMaxSegments: fc.nat(),
  gsoIpv4MaxSize: fc.nat(),
  groMaxSize: fc.nat(),
  groIpv4MaxSize: fc.nat(),
  alias: fc.constantFrom("", "mine", "é"),
  broadcast: fc.constantFrom("00ff12", "ffffffffffff"),
  mode: fc.nat(1),
  umcast: fc.nat(1),
  xdpGeneric: fc.constant(0),
  xdpDriver: fc.constant(0),
  xdpHardware: fc.constant(0),
});

/** RTM_NEWLINK with these attributes and flags. */
const payload = (attributes: Parameters<typeof encodeAttributes>[0], flags = 0) =>
  concat([new Uint8Array(8), new Uint8Array(Int32Array.of(flags, 0).buffer), encodeAttributes(attributes)]);

describe("the settings of a netdev", () => {
  it("are decoded from the attributes that set them", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const { header, attributes } = setLinkSettings(7, settings);
        expect(header).toEqual([0, 7, settings.flags, 0xf3a4]);
        expect(linkSettingsIn(payload(attributes, settings.flags))).toEqual(settings);
      }),
    );
  });

  it("have defaults if a kernel reports few attributes", () => {
    const nothing = { flags: 0, alias: "", xdpGeneric: 0, xdpDriver: 0, xdpHardware: 0 };
    expect(linkSettingsIn(payload([]))).toEqual(nothing);
    expect(linkSettingsIn(payload([], 0x11_043))).toEqual({ ...nothing, flags: 0x1000 });
  });

  it("stay as they are if they are unknown", () => {
    const { attributes } = setLinkSettings(7, {
      flags: 0,
      alias: "",
      xdpGeneric: 0,
      xdpDriver: 0,
      xdpHardware: 0,
    });
    expect(attributes).toHaveLength(1);
  });
});

describe("XDP programs", () => {
  const xdp = (...members: [number, number][]) =>
    linkSettingsIn(
      payload([
        nestedAttribute(
          43,
          members.map(([t, n]) => (t === 2 ? u8Attribute(t, n) : u32Attribute(t, n))),
        ),
      ]),
    );

  it("are decoded, each with its place; old kernels report one", () => {
    expect(xdp([2, 2], [6, 9], [4, 9])).toMatchObject({ xdpGeneric: 9, xdpDriver: 0, xdpHardware: 0 });
    expect(xdp([2, 4], [5, 8], [6, 9])).toMatchObject({ xdpGeneric: 9, xdpDriver: 8, xdpHardware: 0 });
    expect(xdp([2, 1], [4, 5])).toMatchObject({ xdpGeneric: 0, xdpDriver: 5, xdpHardware: 0 });
    expect(xdp([2, 3], [4, 5])).toMatchObject({ xdpGeneric: 0, xdpDriver: 0, xdpHardware: 5 });
    expect(xdp([2, 0])).toMatchObject({ xdpGeneric: 0, xdpDriver: 0, xdpHardware: 0 });
  });

  it("are detached from their places, with one request each", () => {
    expect(detachXdp(7, aLinkSettings)).toEqual([]);
    const requests = detachXdp(7, { ...aLinkSettings, xdpGeneric: 1, xdpHardware: 2 });
    expect(requests.map(({ attributes }) => received(attributes))).toEqual(
      [2, 8].map((place) =>
        received([nestedAttribute(43, [u32Attribute(1, 0xffffffff), u32Attribute(3, place)])]),
      ),
    );
  });
});
