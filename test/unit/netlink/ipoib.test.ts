import { describe, expect, it } from "vitest";
import {
  bytesAttribute,
  encodeAttributes,
  nestedAttribute,
  stringAttribute,
  u16Attribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { parseIpoibPKey } from "../../../src/netlink/ipoib.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { concat } from "../../support/attributes.ts";
import { vector } from "../vectors/vectors.ts";

/** RTM_NEWLINK with an IFLA_LINKINFO of these attributes. */
const withInfo = (...info: Parameters<typeof nestedAttribute>[1]): Message => ({
  type: 16,
  flags: 0,
  sequence: 1,
  payload: concat([new Uint8Array(16), encodeAttributes([nestedAttribute(18, info)])]),
});

describe("the pkey of an IPoIB netdev", () => {
  it("is decoded from a real kernel, of a VF's netdev and of its pkey children", () => {
    const links = vector("dump-links-of-a-pod").received.flatMap(parseMessages);
    expect(links.filter(({ type }) => type === 16).map(parseIpoibPKey)).toEqual([
      undefined,
      0xffff,
      0x8005,
      0x8006,
    ]);
  });

  it("is `undefined` if another kind of netdev has an attribute with its number", () => {
    expect(
      parseIpoibPKey(withInfo(stringAttribute(1, "vlan"), nestedAttribute(2, [u16Attribute(1, 5)]))),
    ).toBe(undefined);
    expect(parseIpoibPKey(withInfo(stringAttribute(1, "ipoib")))).toBeUndefined();
    expect(parseIpoibPKey(withInfo(stringAttribute(1, "ipoib"), nestedAttribute(2, [])))).toBeUndefined();
  });

  it("of another length, or in a message of another type, is an error", () => {
    const odd = withInfo(
      stringAttribute(1, "ipoib"),
      nestedAttribute(2, [bytesAttribute(1, Uint8Array.of(5))]),
    );
    expect(() => parseIpoibPKey(odd)).toThrow(
      new MalformedReply("IFLA_IPOIB_PKEY of link 0 has 1 byte, not 2"),
    );
    expect(() => parseIpoibPKey({ ...odd, type: 20 })).toThrow(MalformedReply);
  });
});
