import { describe, expect, it } from "vitest";
import { parseAttributes } from "../../../src/netlink/attributes.ts";
import { newRoute, type RouteSpec } from "../../../src/netlink/route.ts";
import { findAttribute } from "../../support/attributes.ts";

/** The fields of a route's request that vary. */
function fields(route: Partial<RouteSpec>) {
  const { header, attributes, flags } = newRoute(7, { dst: "10.2.0.0/16", gw: undefined, ...route });
  const [family, prefix, , , table, protocol, scope, type] = header;
  const types = attributes.map((one) => one.type & 0x3fff);
  return { family, prefix, table, protocol, scope, type, types, flags };
}

describe("routes", () => {
  it("are the kernel's default unless told otherwise: table main, scope universe, protocol boot, unicast", () => {
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

  it("to everywhere have no destination, in either family", () => {
    expect(fields({ dst: "0.0.0.0/0", gw: "10.0.0.1" })).toMatchObject({
      family: 2,
      prefix: 0,
      types: [4, 5],
    });
    expect(fields({ dst: "::/0", gw: "fd00::1" })).toMatchObject({ family: 10, prefix: 0, types: [4, 5] });
    expect(fields({ dst: "128.0.0.0/1" })).toMatchObject({ prefix: 1, types: [1, 4] });
  });

  it("say small tables in the header, and those that do not fit in an attribute", () => {
    expect(fields({ table: 255 })).toMatchObject({ table: 255, types: [1, 4] });
    expect(fields({ table: 256 })).toMatchObject({ table: 0, types: [1, 4, 15] });
    expect(
      findAttribute(newRoute(7, { dst: "10.0.0.0/8", gw: undefined, table: 0xdeadbeef }).attributes, 15),
    ).toEqual(Uint8Array.of(0xef, 0xbe, 0xad, 0xde));
  });

  it("carry metrics in one attribute, and only those that are given", () => {
    const metrics = (route: Partial<RouteSpec>) => {
      const request = newRoute(7, { dst: "10.0.0.0/8", gw: undefined, ...route });
      const nested = request.attributes.find((one) => (one.type & 0x3fff) === 8);
      return nested && parseAttributes(nested.value).map((one) => [one.type, one.value[0]]);
    };
    expect(metrics({ mtu: 7, advmss: 5 })).toEqual([
      [2, 7],
      [8, 5],
    ]);
    expect(metrics({ advmss: 5 })).toEqual([[8, 5]]);
    expect(metrics({})).toBeUndefined();
  });

  it("keep 0 as a number that was given", () => {
    expect(fields({ priority: 0, scope: 0, table: 0 })).toMatchObject({
      table: 0,
      scope: 0,
      types: [1, 4, 6],
    });
  });

  it("say what they are about, for errors", () => {
    expect(newRoute(7, { dst: "::/0", gw: "fd00::1" }).subject).toBe("::/0 via fd00::1 on link 7");
    expect(newRoute(7, { dst: "10.0.0.0/8", gw: undefined }).subject).toBe("10.0.0.0/8 on link 7");
  });

  it("with a gateway of another family, or of none, are refused", () => {
    expect(() => newRoute(7, { dst: "10.0.0.0/8", gw: "fd00::1" })).toThrow(
      "the gateway fd00::1 is not of the address family of its route to 10.0.0.0/8",
    );
    expect(() => newRoute(7, { dst: "10.0.0.0/8", gw: "router" })).toThrow(RangeError);
    expect(() => newRoute(7, { dst: "default", gw: undefined })).toThrow(RangeError);
  });
});
