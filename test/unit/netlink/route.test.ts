import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Route } from "../../../src/ip/route.ts";
import { bytesAttribute, encodeAttributes, u32Attribute } from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { dumpRoutes, newRoute, parseRouteInfo } from "../../../src/netlink/route.ts";
import { attributesIn, concat, findAttribute, packU32, received } from "../../support/attributes.ts";
import { VF0 } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";

/** The fields of a route's request that vary. */
function fields(route: Partial<Route>) {
  const { header, attributes, flags } = newRoute(7, { dst: "10.2.0.0/16", gw: undefined, ...route });
  const [family, prefix, , , table, protocol, scope, type] = packU32(...header);
  const types = received(attributes).map((one) => one.type);
  return { family, prefix, table, protocol, scope, type, types, flags };
}

describe("routes", () => {
  it("have the kernel's defaults unless set: table main, scope universe, protocol boot, unicast", () => {
    expect(fields({})).toEqual({
      family: 2,
      prefix: 16,
      table: 254,
      protocol: 3,
      scope: 0,
      type: 1,
      types: [1, 4],
      flags: 0x400,
    });
  });

  it("to all addresses have no destination, in either family", () => {
    expect(fields({ dst: "0.0.0.0/0", gw: "10.0.0.1" })).toMatchObject({
      family: 2,
      prefix: 0,
      types: [4, 5],
    });
    expect(fields({ dst: "::/0", gw: "fd00::1" })).toMatchObject({ family: 10, prefix: 0, types: [4, 5] });
    expect(fields({ dst: "128.0.0.0/1" })).toMatchObject({ prefix: 1, types: [1, 4] });
  });

  it("have small tables in the header, and larger ones in an attribute", () => {
    expect(fields({ table: 255 })).toMatchObject({ table: 255, types: [1, 4] });
    expect(fields({ table: 256 })).toMatchObject({ table: 0, types: [1, 4, 15] });
    expect(
      findAttribute(
        received(newRoute(7, { dst: "10.0.0.0/8", gw: undefined, table: 0xdeadbeef }).attributes),
        15,
      ),
    ).toEqual(Uint8Array.of(0xef, 0xbe, 0xad, 0xde));
  });

  it("have metrics in one attribute, and only those that are given", () => {
    const metrics = (route: Partial<Route>) => {
      const request = newRoute(7, { dst: "10.0.0.0/8", gw: undefined, ...route });
      const nested = findAttribute(received(request.attributes), 8);
      return nested && attributesIn(nested).map((one) => [one.type, one.value[0]]);
    };
    expect(metrics({ mtu: 7, advmss: 5 })).toEqual([
      [2, 7],
      [8, 5],
    ]);
    expect(metrics({ advmss: 5 })).toEqual([[8, 5]]);
    expect(metrics({})).toBeUndefined();
  });

  it("keep 0 as a given number", () => {
    expect(fields({ priority: 0, scope: 0, table: 0 })).toMatchObject({
      table: 0,
      scope: 0,
      types: [1, 4, 6],
    });
  });

  it("describe themselves for errors", () => {
    expect(newRoute(7, { dst: "::/0", gw: "fd00::1" }).subject).toBe("::/0 via fd00::1 on link 7");
    expect(newRoute(7, { dst: "10.0.0.0/8", gw: undefined }).subject).toBe("10.0.0.0/8 on link 7");
  });

  it("with an invalid gateway, or a gateway of another family, are refused", () => {
    expect(() => newRoute(7, { dst: "10.0.0.0/8", gw: "fd00::1" })).toThrow(
      "the gateway fd00::1 is not of the address family of its route to 10.0.0.0/8",
    );
    expect(() => newRoute(7, { dst: "10.0.0.0/8", gw: "router" })).toThrow(RangeError);
    expect(() => newRoute(7, { dst: "default", gw: undefined })).toThrow(RangeError);
  });
});

/** Returns the routes of a real kernel's answer through a netdev. */
function listed(name: string, link = VF0) {
  return vector(name)
    .received.flatMap(parseMessages)
    .filter((one) => one.type === 24)
    .flatMap((one) => parseRouteInfo(one, link));
}

/** RTM_NEWROUTE of a family, prefix length and type. */
function told(
  family: number,
  prefix: number,
  type: number,
  attributes: Parameters<typeof encodeAttributes>[0],
): Message {
  const header = Uint8Array.of(family, prefix, 0, 0, 254, 3, 0, type, 0, 0, 0, 0);
  return { type: 24, flags: 2, sequence: 1, payload: concat([header, encodeAttributes(attributes)]) };
}

describe("existing routes", () => {
  it("of a real kernel: those with a destination, in all tables", () => {
    expect(listed("dump-routes")).toEqual([
      { dst: "10.3.0.0/16", gw: undefined, table: 1000, priority: 5 },
      { dst: "0.0.0.0/0", gw: "10.1.2.1", table: 254, priority: 0 },
      { dst: "10.1.2.0/24", gw: undefined, table: 254, priority: 0 },
      { dst: "10.6.0.0/24", gw: undefined, table: 254, priority: 0 },
      { dst: "10.7.0.0/24", gw: undefined, table: 254, priority: 0 },
    ]);
  });

  it("of a real kernel: two gateways of one destination, which IPv6 reports together", () => {
    expect(listed("dump-routes-6").filter(({ dst }) => dst === "::/0")).toEqual([
      { dst: "::/0", gw: "fd00::1", table: 254, priority: 1024 },
      { dst: "::/0", gw: "fd00::2", table: 254, priority: 1024 },
    ]);
  });

  it("through other netdevs are skipped: kernels before 4.20 list them all", () => {
    expect([...listed("dump-routes", 99), ...listed("dump-routes-6", 99)]).toEqual([]);
  });

  it("are requested by netdev and family", () => {
    const { header, attributes, kind } = dumpRoutes(7, 6);
    expect([kind, header]).toEqual(["list", [10, 0, 0]]);
    expect(findAttribute(received(attributes), 4)).toEqual(Uint8Array.of(7, 0, 0, 0));
  });

  it("of other families are skipped", () => {
    expect(parseRouteInfo(told(28, 20, 1, [u32Attribute(4, 7)]), 7)).toEqual([]);
  });

  it("of wrong lengths, or in another message, are refused", () => {
    const link = u32Attribute(4, 7);
    const hop = (...bytes: number[]) => told(2, 24, 1, [bytesAttribute(9, Uint8Array.from(bytes))]);
    const of = (type: number, length: number) => bytesAttribute(type, new Uint8Array(length));
    const refused: readonly (readonly [message: Message, problem: string])[] = [
      [told(2, 33, 1, [link]), "the prefix of a route of link 7 has 33 bits, not at most 32"],
      [told(2, 24, 1, [link, of(1, 16)]), "RTA_DST of a route of link 7 has 16 bytes, not 4"],
      [told(2, 24, 1, [link, of(5, 5)]), "RTA_GATEWAY of a route of link 7 has 5 bytes, not 4 or 16"],
      [told(2, 24, 1, [link, of(6, 2)]), "RTA_PRIORITY of a route of link 7 has 2 bytes, not 4"],
      [hop(8, 0, 0, 0), "the length of a next hop in RTA_MULTIPATH of a route of link 7 does not fit"],
      [
        hop(7, 0, 0, 0, 7, 0, 0, 0),
        "the length of a next hop in RTA_MULTIPATH of a route of link 7 does not fit",
      ],
      [
        hop(9, 0, 0, 0, 7, 0, 0, 0),
        "the length of a next hop in RTA_MULTIPATH of a route of link 7 does not fit",
      ],
      [{ ...told(2, 24, 1, []), type: 20 }, "message type 20 of 12 bytes is not an RTM_NEWROUTE"],
      [
        { ...told(2, 24, 1, []), payload: new Uint8Array(11) },
        "message type 24 of 11 bytes is not an RTM_NEWROUTE",
      ],
    ];
    for (const [message, problem] of refused)
      expect(() => parseRouteInfo(message, 7)).toThrow(new MalformedReply(problem));
  });

  it("of any bytes are decoded or refused", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 10), fc.uint8Array({ maxLength: 80 }), (family, rest) => {
        const payload = concat([Uint8Array.of(family, 0, 0, 0, 254, 3, 0, 1), rest]);
        try {
          parseRouteInfo({ type: 24, flags: 0, sequence: 1, payload }, 7);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
      }),
    );
  });
});
