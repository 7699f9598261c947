import { describe, expect, test } from "vitest";
import { MAX_ENTRIES } from "../../../src/cni/result-decode.ts";
import { encodeResult } from "../../../src/cni/result-encode.ts";
import { decode } from "./results.ts";
import { thrown } from "./thrown.ts";

describe("decoding", () => {
  test("0.1.0 and 0.2.0: ip4 then ip6, routes concatenated, no index", () => {
    const document = {
      ip6: { ip: "fd00::5/64", routes: [{ dst: "fd01::/64", gw: "fd00::1" }] },
      ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
      dns: { nameservers: ["1.1.1.1"] },
    };
    for (const version of ["0.1.0", "0.2.0"] as const) {
      expect(decode(document, version)).toMatchObject({
        interfaces: [],
        ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }, { address: "fd00::5/64" }],
        routes: [
          { dst: "0.0.0.0/0", gw: undefined },
          { dst: "fd01::/64", gw: "fd00::1" },
        ],
        dns: { nameservers: ["1.1.1.1"] },
      });
    }
  });

  test("0.3 and 0.4: the version of an address is dropped", () => {
    expect(decode({ ips: [{ version: "6", address: "10.0.0.5/24", interface: 0 }] }, "0.4.0").ips).toEqual([
      { address: "10.0.0.5/24", gateway: undefined, interface: 0 },
    ]);
  });

  test("0.3.0: an IPAM that writes `ip`, as in the specification's text, yields no addresses, as in Go", () => {
    expect(decode({ ip: [{ version: "4", address: "10.0.0.5/24" }] }, "0.3.0").ips).toEqual([]);
  });

  test("zero mtu, advmss and priority and empty strings are omitted; index, table and scope 0 stay", () => {
    const result = decode(
      {
        interfaces: [{ name: "a", mac: "", mtu: 0, sandbox: "", pciID: "" }],
        ips: [{ address: "10.0.0.5/24", gateway: "", interface: 0 }],
        routes: [{ dst: "10.1.0.0/16", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }],
        dns: { domain: "" },
      },
      "1.1.0",
    );
    expect(JSON.parse(encodeResult(result, "1.1.0"))).toEqual({
      cniVersion: "1.1.0",
      interfaces: [{ name: "a" }],
      ips: [{ address: "10.0.0.5/24", interface: 0 }],
      routes: [{ dst: "10.1.0.0/16", table: 0, scope: 0 }],
    });
  });

  test("addresses keep their host bits and get a canonical spelling", () => {
    const result = decode({ ips: [{ address: "FD00:0::5/64", gateway: "FD00::0001" }] }, "1.0.0");
    expect(result.ips[0]).toMatchObject({ address: "fd00::5/64", gateway: "fd00::1" });
  });

  test.each<[string, object]>([
    ["an address without prefix", { ips: [{ address: "10.0.0.5" }] }],
    ["an address with leading zeros", { ips: [{ address: "10.0.0.05/24" }] }],
    ["an entry without address", { ips: [{}] }],
    ["null as an entry", { ips: [null] }],
    ["a gateway with prefix", { ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1/24" }] }],
    ["an invalid gateway", { ips: [{ address: "10.0.0.5/24", gateway: "gw" }] }],
    ["a negative index", { ips: [{ address: "10.0.0.5/24", interface: -1 }] }],
    ["an index that is not an integer", { ips: [{ address: "10.0.0.5/24", interface: 0.5 }] }],
    ["an index beyond 32 bits", { ips: [{ address: "10.0.0.5/24", interface: 2 ** 32 }] }],
    ["an index as text", { ips: [{ address: "10.0.0.5/24", interface: "0" }] }],
    ["a route without dst", { routes: [{ gw: "10.0.0.1" }] }],
    ["a route to a name", { routes: [{ dst: "default" }] }],
    ["a negative mtu", { routes: [{ dst: "10.0.0.0/8", mtu: -1 }] }],
    ["an mtu beyond 32 bits", { routes: [{ dst: "10.0.0.0/8", mtu: 2 ** 32 }] }],
    ["a scope beyond 8 bits", { routes: [{ dst: "10.0.0.0/8", scope: 256 }] }],
    ["addresses that are not a list", { ips: { address: "10.0.0.5/24" } }],
    ["interfaces of text", { interfaces: ["net1"] }],
    ["a mac of number", { interfaces: [{ name: "a", mac: 5 }] }],
    ["dns that is a list", { dns: [] }],
    ["nameservers of numbers", { dns: { nameservers: [1] } }],
  ])("refuses %s", (_, document) => {
    expect(thrown(() => decode(document, "1.1.0")).code).toBe(6);
  });

  test("refuses an ip4 without address", () => {
    expect(thrown(() => decode({ ip4: {} }, "0.2.0")).message).toContain("ip4.ip must be an address");
    expect(thrown(() => decode({ ip4: "10.0.0.5/24" }, "0.2.0")).code).toBe(6);
  });

  test("refuses thousands of entries, in every list", () => {
    const ips = new Array(MAX_ENTRIES + 1).fill({ address: "10.0.0.5/24" });
    const routes = new Array(MAX_ENTRIES + 1).fill({ dst: "10.0.0.0/8" });
    const interfaces = new Array(MAX_ENTRIES + 1).fill({ name: "a" });
    for (const document of [
      { ips },
      { routes },
      { interfaces },
      { dns: { search: new Array(5000).fill("x") } },
    ]) {
      expect(thrown(() => decode(document, "1.0.0")).message).toContain("entries");
    }
    expect(decode({ ips: ips.slice(1) }, "1.0.0").ips).toHaveLength(MAX_ENTRIES);
  });
});
