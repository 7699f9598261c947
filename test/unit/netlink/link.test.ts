import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Attribute,
  bytesAttribute,
  encodeAttributes,
  nestedAttribute,
  readString,
  stringAttribute,
  u32Attribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { getLinkByName, parseLink } from "../../../src/netlink/link.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { concat, findAttribute, received } from "../../support/attributes.ts";
import { aLinkSettings } from "../../support/records.ts";
import { LONG_NAME, PF, RTNL_CHILD, SYSFS_CHILD, VF0 } from "../vectors/capture/requests.ts";
import { hexBytes, vector } from "../vectors/vectors.ts";

/** Returns the netdevs in the answers of a vector. */
function linksIn(name: string) {
  return vector(name)
    .received.flatMap(parseMessages)
    .filter((message) => message.type === 16)
    .map(parseLink);
}

describe("netdevs of a real kernel", () => {
  it("a PF's", () => {
    expect(linksIn("get-pf")).toEqual([
      {
        index: PF,
        name: "ib0",
        altnames: [],
        mtu: 2044,
        up: false,
        carrier: false,
        operstate: 2,
        address: hexBytes("80000048fe8000000000000098039b0300ab0100"),
        pci: "0000:01:00.0",
        child: false,
        queues: 1,
        settings: aLinkSettings,
        master: undefined,
        vfs: undefined,
      },
    ]);
  });

  it("a PF's with its VFs, only if they are requested", () => {
    const [link] = linksIn("get-pf-with-vfs");
    expect(link?.vfs).toHaveLength(708);
    expect({ ...link, vfs: undefined }).toEqual(linksIn("get-pf")[0]);
  });

  it("one with alternative names, found by the long and by the short one", () => {
    const found = linksIn("get-by-altname");
    expect(found.map(({ index, altnames }) => [index, altnames])).toEqual([
      [VF0, [LONG_NAME, "vf0"]],
      [VF0, [LONG_NAME, "vf0"]],
    ]);
  });

  it("pkey children, on top of their VF's netdev, in whatever way they were made", () => {
    expect(linksIn("get-children").map(({ index, child, pci }) => [index, child, pci])).toEqual([
      [RTNL_CHILD, true, undefined],
      [SYSFS_CHILD, true, undefined],
    ]);
  });

  it("those of a pod, in which the PCI function is reported all the same", () => {
    const seen = linksIn("dump-links-of-a-pod").map(({ name, pci, child }) => [name, pci, child]);
    expect(seen).toEqual([
      ["lo", undefined, false],
      ["eth0", "0000:01:10.0", false],
      ["ib2.8005", undefined, true],
      ["ib2.8006", undefined, true],
    ]);
  });

  it("events, from a change of MTU to the carrier that comes when the broadcast group is joined", () => {
    const states = linksIn("link-events").map(({ name, mtu, up, carrier, operstate }) => [
      name,
      mtu,
      up,
      carrier,
      operstate,
    ]);
    expect(states[0]).toEqual(["ib1", 1500, false, false, 2]);
    expect(states[1]).toEqual(["net1", 1500, false, false, 2]);
    expect(states.at(-1)).toEqual(["net1", 1500, true, true, 6]);
  });
});

describe("netdevs", () => {
  const message = (payload: Uint8Array): Message => ({ type: 16, flags: 0, sequence: 1, payload });

  it("with few attributes are decoded all the same", () => {
    expect(parseLink(message(new Uint8Array(16)))).toMatchObject({
      name: "",
      altnames: [],
      mtu: 0,
      operstate: 0,
      address: new Uint8Array(0),
      pci: undefined,
      child: false,
    });
  });

  it("are not on top of themselves or of nothing, but may be on top of a netdev in another namespace", () => {
    const header = new Uint8Array(16);
    header[4] = 7;
    const on = (...attributes: [number, number][]) =>
      parseLink(message(concat([header, encodeAttributes(attributes.map(([t, n]) => u32Attribute(t, n)))])));
    expect(on([5, 7]).child).toBe(false);
    expect(on([5, 0]).child).toBe(false);
    expect(on([5, 7], [37, 1]).child).toBe(true);
    expect(on([5, 8]).child).toBe(true);
  });

  it("are ports of a master if the kernel names one", () => {
    const by = (...attributes: Attribute[]) =>
      parseLink(message(concat([new Uint8Array(16), encodeAttributes(attributes)]))).master;
    expect([by(), by(u32Attribute(10, 0)), by(u32Attribute(10, 9))]).toEqual([undefined, undefined, 9]);
  });

  it("belong to a PCI function only if their parent's bus is PCI", () => {
    const from = (bus: string) =>
      parseLink(
        message(
          concat([
            new Uint8Array(16),
            encodeAttributes([stringAttribute(56, "0000:01:00.0"), stringAttribute(57, bus)]),
          ]),
        ),
      ).pci;
    expect([from("pci"), from("virtio")]).toEqual(["0000:01:00.0", undefined]);
  });

  it("are refused if an attribute has a wrong length: the error names it, and the netdev", () => {
    const link7 = Uint8Array.of(0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const parsed = (...attributes: Attribute[]) => {
      const link = parseLink(message(concat([link7, encodeAttributes(attributes)])));
      return link.settings;
    };
    const name = stringAttribute(3, "ib0");
    const of = (type: number, length: number) => bytesAttribute(type, new Uint8Array(length));
    const refused: readonly (readonly [attributes: Attribute[], problem: string])[] = [
      [[name, of(4, 2)], "IFLA_MTU of ib0 has 2 bytes, not 4"],
      [[of(4, 2)], "IFLA_MTU of link 7 has 2 bytes, not 4"],
      [[name, of(16, 4)], "IFLA_OPERSTATE of ib0 has 4 bytes, not 1"],
      [[name, of(13, 1)], "IFLA_TXQLEN of ib0 has 1 byte, not 4"],
      [[name, of(52, 3)], "the length of an attribute of IFLA_PROP_LIST of ib0 does not fit"],
      [[name, nestedAttribute(43, [of(4, 8)])], "IFLA_XDP_PROG_ID of ib0 has 8 bytes, not 4"],
      [
        [name, nestedAttribute(18, [stringAttribute(1, "ipoib"), nestedAttribute(2, [of(2, 1)])])],
        "IFLA_IPOIB_MODE of ib0 has 1 byte, not 2",
      ],
    ];
    for (const [attributes, problem] of refused)
      expect(() => parsed(...attributes)).toThrow(new MalformedReply(problem));
  });

  it("are refused if the message is another one", () => {
    expect(() => parseLink(message(new Uint8Array(15)))).toThrow(MalformedReply);
    expect(() => parseLink({ ...message(new Uint8Array(16)), type: 20 })).toThrow(MalformedReply);
  });

  it("of a real kernel with any bytes changed are decoded or refused", () => {
    const original = parseMessages(vector("get-pf-with-vfs").received[0] as Uint8Array)[0] as Message;
    const change = fc.tuple(fc.nat(original.payload.length - 1), fc.nat(0xff));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(original.payload.length),
        (changes, cut) => {
          const payload = original.payload.slice(0, cut > 1800 ? undefined : cut);
          for (const [at, byte] of changes) if (at < payload.length) payload[at] = byte;
          try {
            parseLink({ ...original, payload });
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedReply);
          }
        },
      ),
    );
  });

  it("are requested by a name of up to 15 bytes in one attribute, by a longer one in another", () => {
    const asked = (name: string) =>
      received(getLinkByName(name).attributes)
        .filter(({ type }) => type !== 29)
        .map(({ type, value }) => [type, readString(value)]);
    expect(asked("abcdefghijklmno")).toEqual([[3, "abcdefghijklmno"]]);
    expect(asked("abcdefghijklmnop")).toEqual([[53, "abcdefghijklmnop"]]);
    expect(asked("äbcdefghijklmno")).toEqual([[53, "äbcdefghijklmno"]]);
  });

  it("are always requested without statistics", () => {
    const { attributes } = getLinkByName("ib0");
    expect(findAttribute(received(attributes), 29)).toEqual(Uint8Array.of(8, 0, 0, 0));
  });
});
