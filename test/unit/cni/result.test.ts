import { describe, expect, test } from "vitest";
import { composeResult, emptyDns, emptyResult, type Result } from "../../../src/cni/result.ts";
import { full } from "./results.ts";

describe("composeResult", () => {
  const own = { name: "net1", mac: "80:00", mtu: 2044, sandbox: "/ns", pciID: "0000:03:00.2" };
  const ipam: Result = {
    interfaces: [],
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }],
    routes: [{ dst: "0.0.0.0/0", gw: undefined, mtu: 1400 }],
    dns: { ...emptyDns(), nameservers: ["ipam"] },
  };
  const compose = (parts: Partial<Parameters<typeof composeResult>[0]>) =>
    composeResult({ prevResult: undefined, own, ipam: undefined, dns: emptyDns(), ...parts });

  test("alone: only the plugin's interface", () => {
    expect(compose({})).toEqual({ ...emptyResult(), interfaces: [own] });
  });

  test("every address of IPAM gets the index of the plugin's interface", () => {
    expect(compose({ ipam })).toMatchObject({
      interfaces: [own],
      ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", mtu: 1400 }],
    });
  });

  test("an index or interface in IPAM's result is replaced by the plugin's", () => {
    const claims = { ...ipam, interfaces: [{ name: "x" }], ips: [{ address: "10.0.0.5/24", interface: 77 }] };
    expect(compose({ ipam: claims })).toMatchObject({ interfaces: [own], ips: [{ interface: 0 }] });
  });

  test("prevResult is part of the output: first, unchanged, with the plugin's indexes after its interfaces", () => {
    const result = compose({ prevResult: full, ipam });
    expect(result.interfaces).toEqual([...full.interfaces, own]);
    expect(result.ips).toEqual([
      ...full.ips,
      { address: "10.0.0.5/24", gateway: "10.0.0.1", interface: full.interfaces.length },
    ]);
    expect(result.routes).toEqual([...full.routes, ...ipam.routes]);
  });

  test("dns: the configuration's, else IPAM's, else that of prevResult, never merged", () => {
    const dns = { ...emptyDns(), search: ["config"] };
    expect(compose({ prevResult: full, ipam, dns }).dns).toEqual(dns);
    expect(compose({ prevResult: full, ipam }).dns).toEqual(ipam.dns);
    expect(compose({ prevResult: full, ipam: { ...ipam, dns: emptyDns() } }).dns).toEqual(full.dns);
    expect(compose({ ipam, dns: { ...emptyDns(), domain: "d" } }).dns.nameservers).toEqual([]);
  });
});
