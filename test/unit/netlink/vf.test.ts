import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { bytesAttribute, encodeAttributes, nestedAttribute } from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { parseLink } from "../../../src/netlink/link.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { parseVfConfig, parseVfGuids } from "../../../src/netlink/vf.ts";
import { concat, packU32 } from "../../support/attributes.ts";
import { GUID, REVERSED_GUID } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";

const unknown = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };

describe("VFs in a PF's answer of a real kernel", () => {
  const message = parseMessages(vector("get-pf-with-vfs").received[0] as Uint8Array)[0] as Message;
  const pf = parseLink(message);
  const vfs = pf.vfs as Uint8Array;

  it("the values that were set, in network order", () => {
    expect(parseVfConfig(pf, 0)).toEqual({ linkState: "enable", nodeGuid: GUID, portGuid: REVERSED_GUID });
  });

  it("zeros and the policy of a fresh VF for the others", () => {
    const fresh = { linkState: "disable", nodeGuid: ZERO_GUID, portGuid: ZERO_GUID };
    expect(parseVfConfig(pf, 1)).toEqual(fresh);
    expect(parseVfConfig(pf, 2)).toEqual(fresh);
  });

  it("missing VFs are left out", () => {
    expect(parseVfConfig(pf, 3)).toEqual(unknown);
  });

  it("any bytes changed: decoded or refused", () => {
    fc.assert(
      fc.property(fc.nat(vfs.length - 1), fc.nat(0xff), fc.nat(4), (at, byte, vf) => {
        const changed = vfs.slice();
        changed[at] = byte;
        try {
          parseVfConfig({ name: "ib0", vfs: changed }, vf);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });
});

describe("VF information", () => {
  const vfInfo = (...attributes: [number, Uint8Array][]) => ({
    name: "ib0",
    vfs: encodeAttributes([
      nestedAttribute(
        1,
        attributes.map(([type, value]) => bytesAttribute(type, value)),
      ),
    ]),
  });

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
    expect(parseVfConfig({ name: "ib0", vfs: new Uint8Array(0) }, 0)).toEqual(unknown);
    expect(parseVfConfig(vfInfo(), 0)).toEqual(unknown);
  });

  it.each<[[number, Uint8Array][], string]>([
    [[[5, new Uint8Array(3)]], "IFLA_VF_LINK_STATE of a VF of ib0 has 3 bytes, not 8"],
    [[[5, packU32(7)]], "IFLA_VF_LINK_STATE of VF 7 of ib0 has 4 bytes, not 8"],
    [[[10, packU32(2, 0, 0)]], "IFLA_VF_IB_NODE_GUID of VF 2 of ib0 has 12 bytes, not 16"],
    [[[11, packU32(2, 0, 0, 0, 0)]], "IFLA_VF_IB_PORT_GUID of VF 2 of ib0 has 20 bytes, not 16"],
  ])("of wrong lengths is refused: %j", (attributes, problem) => {
    const error = new MalformedReply(problem);
    expect(() => parseVfConfig(vfInfo(...attributes), 0)).toThrow(error);
    expect(() => parseVfGuids(vfInfo(...attributes))).toThrow(error);
  });

  it("that ends early is refused", () => {
    const { name, vfs } = vfInfo([5, packU32(0, 1)]);
    const cut = { name, vfs: vfs.subarray(0, 12) };
    expect(() => parseVfConfig(cut, 0)).toThrow(
      new MalformedReply("the length of an attribute of IFLA_VFINFO_LIST of ib0 does not fit"),
    );
    vfs[4] = 13;
    expect(() => parseVfConfig({ name, vfs }, 0)).toThrow(
      new MalformedReply("the length of an attribute of a VF of ib0 does not fit"),
    );
  });
});
