import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorOf } from "../../../src/netlink/acknowledgement.ts";
import { encodeAttributes, stringAttribute, u32Attribute } from "../../../src/netlink/attributes.ts";
import { MalformedReply, NetlinkError } from "../../../src/netlink/errors.ts";
import { getLinkByIndex } from "../../../src/netlink/link.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { concat, packU32 } from "../../support/attributes.ts";
import { vector } from "../vectors/vectors.ts";

const request = getLinkByIndex(7);

/** Decodes the last datagram of a vector. */
function errorIn(name: string) {
  const message = parseMessages(vector(name).received.at(-1) as Uint8Array)[0] as Message;
  return errorOf(message, request);
}

/** The NLMSG_ERROR of -22 whose extended ACK is `tail`. */
function refusal(flags: number, tail: Uint8Array, echoed: Uint8Array = packU32(16)): Message {
  const header = concat([echoed, new Uint8Array(12)]);
  return { type: 2, flags, sequence: 1, payload: concat([packU32(-22 >>> 0), header, tail]) };
}

describe("acknowledgements of a real kernel", () => {
  it.each(["set-vf", "add-altnames", "new-addresses", "new-routes", "resolve-neighbour", "dump-links"])(
    "%s: success",
    (name) => expect(errorIn(name)).toBeUndefined(),
  );

  it.each([
    ["new-address-taken", 17, "EEXIST", "ipv4: Address already assigned"],
    ["new-route-with-host-bits", 22, "EINVAL", "Invalid prefix for given prefix length"],
    ["new-route-unreachable", 101, "ENETUNREACH", "Nexthop has invalid gateway"],
    ["set-mtu-too-large", 22, "EINVAL", "mtu greater than device maximum"],
    ["add-altname-taken", 17, "EEXIST", "it exists already"],
    ["set-vf-of-a-vf", 95, "EOPNOTSUPP", "this netdev or kernel does not support it"],
  ])("%s: %i %s, %s", (name, errno, code, reason) => {
    expect(errorIn(name)).toMatchObject({ errno, code, reason });
  });
});

describe("acknowledgements", () => {
  it("become an error with the request, its object, the reason and the place", () => {
    const tail = encodeAttributes([stringAttribute(1, "Bad MTU"), u32Attribute(2, 36)]);
    const error = errorOf(refusal(0x300, tail), request);
    expect(error).toBeInstanceOf(NetlinkError);
    expect(error).toMatchObject({
      errno: 22,
      code: "EINVAL",
      call: "RTM_GETLINK",
      subject: "link 7",
      offset: 36,
    });
    expect(error?.message).toBe("RTM_GETLINK link 7: Bad MTU, at byte 36 of the request (EINVAL)");
  });

  it("are decoded after the request that they repeat, if the kernel does not cap them", () => {
    const tail = concat([new Uint8Array(8), encodeAttributes([stringAttribute(1, "far away")])]);
    expect(errorOf(refusal(0x200, tail, packU32(16 + 7)), request)?.reason).toBe("far away");
  });

  it("keep the errno if the rest cannot be decoded", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(0, 0x100, 0x200, 0x300),
        fc.nat(0xffffffff),
        (tail, flags, echoed) => {
          expect(errorOf(refusal(flags, tail, packU32(echoed)), request)?.code).toBe("EINVAL");
        },
      ),
    );
    const short: Message = { type: 2, flags: 0x300, sequence: 1, payload: packU32(-1 >>> 0) };
    expect(errorOf(short, request)?.code).toBe("EPERM");
  });

  it("of a dump (NLMSG_DONE) have their attributes after the number, and no error if it is not negative", () => {
    const tail = encodeAttributes([stringAttribute(1, "gone")]);
    const done = (status: number): Message => ({
      type: 3,
      flags: 0x202,
      sequence: 1,
      payload: concat([packU32(status >>> 0), tail]),
    });
    expect(errorOf(done(-19), request)).toMatchObject({ code: "ENODEV", reason: "gone" });
    expect(errorOf(done(0), request)).toBeUndefined();
    expect(errorOf(done(1200), request)).toBeUndefined();
  });

  it("without a number are malformed", () => {
    for (const length of [0, 1, 3]) {
      const message: Message = { type: 2, flags: 0, sequence: 1, payload: new Uint8Array(length) };
      expect(() => errorOf(message, request)).toThrow(MalformedReply);
    }
  });

  it("have the errno also if the length of the repeated request exceeds the message", () => {
    for (const echoed of [17, 36, 0xffff, 0xffffffff]) {
      const error = errorOf(refusal(0x200, new Uint8Array(0), packU32(echoed)), request);
      expect(error).toMatchObject({ errno: 22, offset: undefined });
    }
  });
});
