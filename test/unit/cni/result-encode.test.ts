import { describe, expect, test } from "vitest";
import { emptyDns, emptyResult } from "../../../src/cni/result.ts";
import { encodeResult, requireExpressible } from "../../../src/cni/result-encode.ts";
import type { CniVersion } from "../../../src/cni/versions.ts";
import { decode, full } from "./results.ts";
import { thrown } from "./thrown.ts";

describe("a result of 1.1.0", () => {
  test("has every member, sorted, without version of the addresses", () => {
    expect(encodeResult(full, "1.1.0")).toBe(
      JSON.stringify(
        {
          cniVersion: "1.1.0",
          dns: { domain: "d", nameservers: ["10.0.0.2"], options: ["o"], search: ["s"] },
          interfaces: [
            { mac: "02:00:00:00:00:01", name: "br0" },
            {
              mac: "80:00",
              mtu: 2044,
              name: "net1",
              pciID: "0000:03:00.2",
              sandbox: "/var/run/netns/c",
              socketPath: "/s",
            },
          ],
          ips: [
            { address: "fd00::5/64", gateway: "fd00::1", interface: 1 },
            { address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 0 },
            { address: "10.0.0.6/24" },
          ],
          routes: [
            { advmss: 1360, dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400, priority: 10, scope: 0, table: 0 },
            { dst: "fd01::/64" },
          ],
        },
        null,
        4,
      ),
    );
  });

  test("leaves out dns, interfaces, ips and routes that are empty", () => {
    expect(JSON.parse(encodeResult(emptyResult(), "1.1.0"))).toEqual({ cniVersion: "1.1.0" });
    expect(JSON.parse(encodeResult(emptyResult(), "1.0.0"))).toEqual({ cniVersion: "1.0.0" });
  });
});

test("a result of 1.0.0 has no members of 1.1.0", () => {
  expect(JSON.parse(encodeResult(full, "1.0.0"))).toEqual({
    cniVersion: "1.0.0",
    dns: { domain: "d", nameservers: ["10.0.0.2"], options: ["o"], search: ["s"] },
    interfaces: [
      { mac: "02:00:00:00:00:01", name: "br0" },
      { mac: "80:00", name: "net1", sandbox: "/var/run/netns/c" },
    ],
    ips: [
      { address: "fd00::5/64", gateway: "fd00::1", interface: 1 },
      { address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 0 },
      { address: "10.0.0.6/24" },
    ],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "fd01::/64" }],
  });
});

describe.each<CniVersion>(["0.3.0", "0.3.1", "0.4.0"])("a result of %s", (version) => {
  test("has the version of each address, no members of 1.1.0, dns always, in its order", () => {
    expect(encodeResult(full, version)).toBe(
      JSON.stringify(
        {
          cniVersion: version,
          interfaces: [
            { name: "br0", mac: "02:00:00:00:00:01" },
            { name: "net1", mac: "80:00", sandbox: "/var/run/netns/c" },
          ],
          ips: [
            { version: "6", interface: 1, address: "fd00::5/64", gateway: "fd00::1" },
            { version: "4", interface: 0, address: "10.0.0.5/24", gateway: "10.0.0.1" },
            { version: "4", address: "10.0.0.6/24" },
          ],
          routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "fd01::/64" }],
          dns: { nameservers: ["10.0.0.2"], domain: "d", search: ["s"], options: ["o"] },
        },
        null,
        4,
      ),
    );
  });

  test("has an empty dns and leaves out other empty members", () => {
    expect(encodeResult(emptyResult(), version)).toBe(`{\n    "cniVersion": "${version}",\n    "dns": {}\n}`);
  });

  test("an address from IPv4-mapped IPv6 has version 4", () => {
    const result = decode({ ips: [{ address: "::ffff:10.0.0.5/120" }] }, version);
    expect(JSON.parse(encodeResult(result, version)).ips).toEqual([{ version: "4", address: "10.0.0.5/24" }]);
  });
});

describe.each<CniVersion>(["0.1.0", "0.2.0"])("a result of %s", (version) => {
  test("has the first address of each family with the routes of its family, dst and gw only", () => {
    expect(encodeResult(full, version)).toBe(
      JSON.stringify(
        {
          cniVersion: version,
          ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] },
          ip6: { ip: "fd00::5/64", gateway: "fd00::1", routes: [{ dst: "fd01::/64" }] },
          dns: { nameservers: ["10.0.0.2"], domain: "d", search: ["s"], options: ["o"] },
        },
        null,
        4,
      ),
    );
  });

  test("drops the routes of a family without address", () => {
    const result = { ...full, ips: [{ address: "10.0.0.5/24" }], dns: emptyDns() };
    expect(JSON.parse(encodeResult(result, version))).toEqual({
      cniVersion: version,
      ip4: { ip: "10.0.0.5/24", routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] },
      dns: {},
    });
  });

  test("cannot be made without an address: code 999 with Go's message, and known in advance", () => {
    const expected = { code: 999, message: "cannot convert: no valid IP addresses" };
    expect(thrown(() => encodeResult({ ...full, ips: [] }, version))).toMatchObject(expected);
    expect(thrown(() => requireExpressible(version, false))).toMatchObject(expected);
    requireExpressible(version, true);
  });
});

test.each<CniVersion>(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])("%s needs no address", (version) => {
  requireExpressible(version, false);
  expect(JSON.parse(encodeResult({ ...full, ips: [] }, version)).ips).toBeUndefined();
});
