import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dumpAddresses, newAddress, parseNewAddress } from "../../../src/netlink/address.ts";
import {
  type Attribute,
  bytesAttribute,
  encodeAttributes,
  u32Attribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { concat, findAttribute, received } from "../../support/attributes.ts";
import { VF0 } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";

/** RTM_NEWADDR of a family, prefix length and flags on link 5. */
function told(family: number, prefix: number, flags: number, attributes: readonly Attribute[]): Message {
  const header = Uint8Array.of(family, prefix, flags, 0, 5, 0, 0, 0);
  return { type: 20, flags: 2, sequence: 1, payload: concat([header, encodeAttributes(attributes)]) };
}

describe("addresses", () => {
  it("of a real kernel, including tentative ones", () => {
    const messages = vector("dump-addresses")
      .received.flatMap(parseMessages)
      .filter((one) => one.type === 20);
    expect(messages.map(parseNewAddress)).toEqual([
      { link: VF0, cidr: "10.1.2.3/24", tentative: false, dadFailed: false },
      { link: VF0, cidr: "10.9.9.9/32", tentative: false, dadFailed: false },
      { link: VF0, cidr: "fd00::5/64", tentative: true, dadFailed: false },
      { link: VF0, cidr: "fe80::200:0:0:0/64", tentative: true, dadFailed: false },
    ]);
  });

  it("are the local ones if there is a peer address as well", () => {
    const attributes = [
      bytesAttribute(1, Uint8Array.of(10, 0, 0, 2)),
      bytesAttribute(2, Uint8Array.of(10, 0, 0, 1)),
    ];
    expect(parseNewAddress(told(2, 32, 0, attributes))?.cidr).toBe("10.0.0.1/32");
  });

  it("have their flags in the header, or in a wider attribute, which takes precedence", () => {
    const address = bytesAttribute(1, new Uint8Array(16));
    expect(parseNewAddress(told(10, 64, 0x48, [address]))).toMatchObject({
      tentative: true,
      dadFailed: true,
    });
    expect(parseNewAddress(told(10, 64, 0x48, [address, u32Attribute(8, 0xffffffb7)]))).toMatchObject({
      tentative: false,
      dadFailed: false,
    });
  });

  it("of other families are skipped", () => {
    expect(parseNewAddress(told(45, 0, 0, []))).toBeUndefined();
  });

  it("without bytes, of wrong length or prefix, or in another message are refused", () => {
    const four = bytesAttribute(2, new Uint8Array(4));
    const refused: readonly (readonly [message: Message, problem: string])[] = [
      [told(2, 24, 0, []), "an address of link 5 has no IFA_ADDRESS"],
      [told(10, 64, 0, [four]), "IFA_LOCAL of an address of link 5 has 4 bytes, not 16"],
      [
        told(2, 24, 0, [bytesAttribute(1, new Uint8Array(5))]),
        "IFA_ADDRESS of an address of link 5 has 5 bytes, not 4",
      ],
      [told(2, 33, 0, [four]), "the prefix of an address of link 5 has 33 bits, not at most 32"],
      [
        told(2, 24, 0, [four, bytesAttribute(8, new Uint8Array(1))]),
        "IFA_FLAGS of an address of link 5 has 1 byte, not 4",
      ],
    ];
    for (const [message, problem] of refused)
      expect(() => parseNewAddress(message)).toThrow(new MalformedReply(problem));
    expect(() => parseNewAddress({ ...told(2, 24, 0, [four]), type: 16 })).toThrow(MalformedReply);
    expect(() => parseNewAddress({ ...told(2, 24, 0, [four]), payload: new Uint8Array(7) })).toThrow(
      MalformedReply,
    );
  });

  it("of any bytes are decoded or refused", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 10), fc.uint8Array({ maxLength: 80 }), (family, rest) => {
        const payload = concat([Uint8Array.of(family), rest]);
        try {
          parseNewAddress({ type: 20, flags: 0, sequence: 1, payload });
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });

  it.each([
    ["10.0.0.5/24", [10, 0, 0, 255]],
    ["10.1.2.3/9", [10, 127, 255, 255]],
    ["172.16.9.1/20", [172, 16, 15, 255]],
    ["192.0.2.1/30", [192, 0, 2, 3]],
    ["1.2.3.4/0", [255, 255, 255, 255]],
    ["192.0.2.1/31", undefined],
    ["192.0.2.1/32", undefined],
    ["fd00::1/64", undefined],
  ])("%s gets the broadcast address %j", (cidr, broadcast) => {
    const found = findAttribute(received(newAddress(3, cidr).attributes), 4);
    expect(found && [...found]).toEqual(broadcast);
  });

  it("are added exclusively, and listed for one netdev", () => {
    expect(newAddress(3, "10.0.0.5/24")).toMatchObject({ kind: "change", flags: 0x600 });
    expect(dumpAddresses(0x0102).header).toEqual([0, 0x0102]);
  });

  it("that are invalid are refused before anything is sent", () => {
    for (const cidr of ["10.0.0.5", "10.0.0.5/33", "host/24", ""]) {
      expect(() => newAddress(3, cidr)).toThrow(RangeError);
    }
  });
});
