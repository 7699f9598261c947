import { describe, expect, test } from "vitest";
import { addressPlan } from "../../../src/cni/address-plan.ts";
import { emptyResult, type IpConfig } from "../../../src/cni/result.ts";
import type { Route } from "../../../src/ip/route.ts";
import { thrown } from "./thrown.ts";

function plan(ips: IpConfig[], routes: Partial<Route>[] = []) {
  const result = {
    ...emptyResult(),
    ips,
    routes: routes.map((route) => ({ dst: "0.0.0.0/0", gw: undefined, ...route })),
  };
  return addressPlan(result, 'IPAM plugin "host-local"');
}

const v4 = { address: "10.0.0.5/24", gateway: "10.0.0.1" };
const v6 = { address: "fd00::5/64", gateway: "fd00::1" };

describe("addresses", () => {
  test("are all of IPAM's, in order, and keep host bits", () => {
    expect(plan([v4, v6, { address: "10.0.1.5/24" }]).addresses).toEqual([
      { cidr: "10.0.0.5/24" },
      { cidr: "fd00::5/64" },
      { cidr: "10.0.1.5/24" },
    ]);
  });

  test("an address without interface index is not skipped: all addresses are the interface's", () => {
    expect(plan([{ address: "10.0.0.5/24", interface: undefined }]).addresses).toHaveLength(1);
  });

  test("of IPv6 need IPv6", () => {
    expect(plan([v4]).hasIPv6).toBe(false);
    expect(plan([v4, { address: "fd00::5/64" }]).hasIPv6).toBe(true);
  });

  test("DAD is waited for only if there is an IPv6 gateway", () => {
    expect(plan([v4, { address: "fd00::5/64" }]).waitForDad).toBe(false);
    expect(plan([v4, v6]).waitForDad).toBe(true);
  });
});

describe("routes", () => {
  test("without a gateway go through the first of their family", () => {
    const other = { address: "10.0.1.5/24", gateway: "10.0.1.1" };
    const routes = plan([{ address: "10.9.0.5/24" }, v4, other, v6], [{}, { dst: "::/0" }]).routes;
    expect(routes.map((route) => route.gw)).toEqual(["10.0.0.1", "fd00::1"]);
  });

  test("keep their own gateway", () => {
    expect(plan([v4], [{ gw: "10.0.0.77" }]).routes[0]?.gw).toBe("10.0.0.77");
  });

  test("are on link if their family has no gateway", () => {
    expect(plan([v6], [{ dst: "10.1.0.0/16" }]).routes[0]?.gw).toBeUndefined();
    expect(plan([v4], [{ dst: "fd01::/64" }]).routes[0]?.gw).toBeUndefined();
  });

  test("of scope link or host have no gateway, but only those", () => {
    const routes = [253, 254, 252, 200, 0].map((scope) => ({ dst: "10.1.0.0/16", scope }));
    const gateways = plan([v4], routes).routes.map(({ gw }) => gw);
    expect(gateways).toEqual([undefined, undefined, "10.0.0.1", "10.0.0.1", "10.0.0.1"]);
    expect(plan([v6], [{ dst: "fd01::/64", scope: 253 }]).routes[0]?.gw).toBeUndefined();
  });

  test("of scope link through a gateway are refused, because the kernel would answer EINVAL", () => {
    const route = { dst: "10.1.0.0/16", gw: "10.0.0.1", scope: 253 };
    expect(thrown(() => plan([v4], [route])).message).toBe(
      'route 10.1.0.0/16 of the result of IPAM plugin "host-local" has gateway 10.0.0.1, which its scope 253 (link) does not allow',
    );
    const v6route = { dst: "fd01::/64", gw: "fd00::1", scope: 253 };
    expect(plan([v6], [v6route]).routes).toEqual([v6route]);
  });

  test("keep mtu, advmss, priority, table and scope, also if they are 0", () => {
    const route = {
      dst: "10.1.0.0/16",
      gw: "10.0.0.1",
      mtu: 1400,
      advmss: 1360,
      priority: 5,
      table: 0,
      scope: 0,
    };
    expect(plan([v4], [route]).routes).toEqual([route]);
  });

  test("to IPv4 with host bits are refused with the corrected address, because the kernel would answer EINVAL", () => {
    expect(thrown(() => plan([v4], [{ dst: "10.1.2.3/16" }])).message).toContain(
      "has host bits; use 10.1.0.0/16",
    );
    expect(plan([v6], [{ dst: "fd01::5/64" }]).routes).toHaveLength(1);
  });

  test("through a gateway of the other family are refused", () => {
    expect(thrown(() => plan([v4], [{ gw: "fd00::1" }])).message).toContain("fd00::1");
    expect(thrown(() => plan([v6], [{ dst: "::/0", gw: "10.0.0.1" }])).message).toContain(
      "another address family",
    );
  });
});
