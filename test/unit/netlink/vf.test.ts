import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { bytesAttribute, encodeAttributes, nestedAttribute } from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { parseLink } from "../../../src/netlink/link.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { parseVfConfig } from "../../../src/netlink/vf.ts";
import { concat, packU32 } from "../../support/attributes.ts";
import { GUID, REVERSED_GUID } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";

const unknown = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };

describe("VFs in a PF's answer of a real kernel", () => {
  const message = parseMessages(vector("get-pf-with-vfs").received[0] as Uint8Array)[0] as Message;
  const vfs = parseLink(message).vfs as Uint8Array;

  it("the values that were set, in network order", () => {
    expect(parseVfConfig(vfs, 0)).toEqual({ linkState: "enable", nodeGuid: GUID, portGuid: REVERSED_GUID });
  });

  it("zeros and the policy of a fresh VF for the others", () => {
    const fresh = { linkState: "disable", nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
    expect(parseVfConfig(vfs, 1)).toEqual(fresh);
    expect(parseVfConfig(vfs, 2)).toEqual(fresh);
  });

  it("missing VFs are left out", () => {
    expect(parseVfConfig(vfs, 3)).toEqual(unknown);
  });

  it("any bytes changed: decoded or refused", () => {
    fc.assert(
      fc.property(fc.nat(vfs.length - 1), fc.nat(0xff), fc.nat(4), (at, byte, vf) => {
        const changed = vfs.slice();
        changed[at] = byte;
        try {
          parseVfConfig(changed, vf);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });
});

describe("VF information", () => {
  const vfInfo = (...attributes: [number, Uint8Array][]) =>
    encodeAttributes([
      nestedAttribute(
        1,
        attributes.map(([type, value]) => bytesAttribute(type, value)),
      ),
    ]);

  it("of a kernel without GUIDs, or with an unknown policy", () => {
    expect(parseVfConfig(vfInfo([5, concat([packU32(4), packU32(2)])]), 4)).toEqual({
      ...unknown,
      linkState: "disable",
    });
    expect(parseVfConfig(vfInfo([5, concat([packU32(4), packU32(0)])]), 4)).toEqual({
      ...unknown,
      linkState: "auto",
    });
    expect(parseVfConfig(vfInfo([5, concat([packU32(4), packU32(3)])]), 4)).toEqual(unknown);
  });

  it("of a kernel whose driver does not answer (an empty list, an empty VF)", () => {
    expect(parseVfConfig(new Uint8Array(0), 0)).toEqual(unknown);
    expect(parseVfConfig(vfInfo(), 0)).toEqual(unknown);
  });

  it("of wrong lengths is refused", () => {
    const first: [number, Uint8Array] = [4, packU32(0)];
    expect(() => parseVfConfig(vfInfo([5, new Uint8Array(3)]), 0)).toThrow(MalformedReply);
    expect(() => parseVfConfig(vfInfo(first, [5, new Uint8Array(4)]), 0)).toThrow(MalformedReply);
    expect(() => parseVfConfig(vfInfo(first, [10, new Uint8Array(12)]), 0)).toThrow(MalformedReply);
    expect(() => parseVfConfig(vfInfo(first, [11, new Uint8Array(20)]), 0)).toThrow(MalformedReply);
  });
});
