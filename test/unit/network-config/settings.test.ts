import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { parseNetwork, parseNetworkForDel, parseNetworkForGc } from "../../../src/network-config/settings.ts";
import { orCniError, thrown } from "../cni/thrown.ts";

const minimal = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", deviceID: "0000:03:00.2" };

function configuration(changes: object) {
  return parseConfiguration(JSON.stringify({ ...minimal, ...changes }));
}

function parse(changes: object = {}, cniArgs = "") {
  return parseNetwork(configuration(changes), "1.0.0", cniArgs);
}

/** Configurations that ADD refuses and DEL must accept. */
const refused: [string, object, number][] = [
  ["a missing deviceID", { deviceID: undefined }, 7],
  ["an invalid deviceID", { deviceID: "../../etc" }, 7],
  ["a deviceID of number", { deviceID: 3 }, 7],
  ["type of number", { type: 5 }, 7],
  ["dhcp", { ipam: { type: "dhcp" } }, 2],
  ["the plugin itself as IPAM plugin", { ipam: { type: "ib-sriov" } }, 2],
  ["ipam of text", { ipam: "host-local" }, 7],
  ["ipam.type of number", { ipam: { type: 5 } }, 7],
  ["an mtu of text", { mtu: "2044" }, 7],
  ["an mtu below the minimum of IPv4", { mtu: 67 }, 7],
  ["an mtu above the maximum of IPoIB", { mtu: 65_521 }, 7],
  ["an mtu with a fraction", { mtu: 2044.5 }, 7],
  ["a wait of 0 s for a carrier", { waitForCarrierSeconds: 0 }, 7],
  ["a wait of 0 s for a pkey", { pkey: "0x5", waitForPkeySeconds: 0 }, 7],
  ["a wait for a pkey without a pkey", { waitForPkeySeconds: 3 }, 7],
  ["a relative CNIDeviceInfoFile", { runtimeConfig: { CNIDeviceInfoFile: "etc/x" } }, 7],
  ["CNIDeviceInfoFile of number", { runtimeConfig: { CNIDeviceInfoFile: 5 } }, 7],
  ["rdmaIsolation of text", { rdmaIsolation: "true" }, 7],
  ["vfioPciMode of number", { vfioPciMode: 1 }, 7],
  ["ibKubernetesEnabled of text", { ibKubernetesEnabled: "yes" }, 7],
  ["an unknown link_state", { link_state: "up" }, 7],
  ["a link_state in upper case", { link_state: "Enable" }, 7],
  ["link_state of boolean", { link_state: true }, 7],
  ["an invalid pkey", { pkey: "0x10000" }, 7],
  ["pkey of number", { pkey: 5 }, 7],
  ["an invalid guid", { guid: "02:00" }, 7],
  ["a guid of number", { guid: 5 }, 7],
  ["a zero guid", { guid: "00:00:00:00:00:00:00:00" }, 7],
  ["an all-ones guid", { guid: "ff:ff:ff:ff:ff:ff:ff:ff" }, 7],
  ["runtimeConfig of text", { runtimeConfig: "x" }, 7],
  ["infinibandGUID of list", { runtimeConfig: { infinibandGUID: [] } }, 7],
  ["args of text", { args: "x" }, 7],
  ["args.cni of list", { args: { cni: [] } }, 7],
  ["dns of text", { dns: "x" }, 7],
  ["prevResult of text", { prevResult: "x" }, 7],
  ["prevResult of another family", { prevResult: { cniVersion: "0.4.0" } }, 999],
  ["a timeout of 0 s", { timeoutSeconds: 0 }, 7],
  ["a timeout of text", { timeoutSeconds: "5" }, 7],
  ["ib-kubernetes that is not done", { ibKubernetesEnabled: true }, 11],
];

describe("parseNetwork", () => {
  test("the minimum configuration", () => {
    expect(parse()).toEqual({
      name: "mynet",
      deviceID: "0000:03:00.2",
      guid: undefined,
      settings: {},
      ipamType: undefined,
      dns: { nameservers: [], domain: undefined, search: [], options: [] },
      prevResult: undefined,
      timeout: 100_000,
      warnings: [],
    });
  });

  test("the output of the SR-IOV Network Operator", () => {
    expect(parse({ capabilities: { infinibandGUID: true }, link_state: "enable", ipam: {} })).toMatchObject({
      settings: { linkState: "enable" },
      ipamType: undefined,
    });
  });

  test("a timeout is in seconds", () => {
    expect(parse({ timeoutSeconds: 2 }).timeout).toBe(2000);
    expect(parseNetworkForDel(configuration({ timeoutSeconds: 2 })).timeout).toBe(2000);
  });

  test("the output of Multus", () => {
    const stdin = {
      pkey: "0x5",
      ibKubernetesEnabled: true,
      pciBusID: "0000:03:00.2",
      args: { cni: { "mellanox.infiniband.app": "configured", pkey: "0x5" } },
      runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:01", CNIDeviceInfoFile: "/x" },
    };
    expect(parse(stdin, "IgnoreUnknown=1;K8S_POD_NAME=p")).toMatchObject({
      settings: { deviceInfo: "/x", partition: undefined },
      guid: "02:00:00:00:00:00:00:01",
      warnings: [],
    });
  });

  test.each(["auto", "enable", "disable"])("link_state %s", (state) => {
    expect(parse({ link_state: state }).settings.linkState).toBe(state);
  });

  test.each(["link_state", "pkey", "guid"])("an empty %s counts as missing, as in Go", (key) => {
    expect(parse({ [key]: "" })).toEqual(parse());
  });

  test("keys match without regard to case, unknown ones are ignored", () => {
    expect(
      parse({
        Link_State: "enable",
        GUID: "02:00:00:00:00:00:00:01",
        ipAM: { TYPE: "x" },
        future: { a: [1] },
      }),
    ).toMatchObject({ settings: { linkState: "enable" }, guid: "02:00:00:00:00:00:00:01", ipamType: "x" });
  });

  test("a key that resembles a known one is not an error, and is named in a warning", () => {
    const { settings, warnings } = parse({
      linkState: "enable",
      runtimeConfig: { mac: "02:00:00:00:00:01" },
    });
    expect(settings.linkState).toBeUndefined();
    expect(warnings).toEqual([
      "network configuration: key linkState is ignored; use link_state",
      expect.stringMatching(/^network configuration: runtimeConfig\.mac is ignored/),
    ]);
  });

  test("false or null disables a key", () => {
    expect(parse({ rdmaIsolation: false, vfioPciMode: null, ibKubernetesEnabled: false })).toEqual(parse());
  });

  test("an MTU is in bytes, the wait for a carrier in seconds", () => {
    const { settings } = parse({ mtu: 4092, waitForCarrierSeconds: 3 });
    expect(settings).toMatchObject({ mtu: 4092, carrierTime: 3000 });
    expect(parse().settings).toMatchObject({ mtu: undefined, carrierTime: undefined, deviceInfo: undefined });
  });

  test.each([
    ["5", "0x0005"],
    ["0X8005", "0x8005"],
  ])("a pkey that ib-kubernetes does not read is accepted with a warning: %s", (pkey, spelling) => {
    expect(parse({ pkey }).warnings).toEqual([
      expect.stringMatching(`pkey "${pkey}" has no 0x in front: ib-kubernetes reads "${spelling}"`),
    ]);
    expect(parse({ pkey: spelling }).warnings).toEqual([]);
  });

  test("ADD waits for a pkey if a time is given, in seconds", () => {
    const pkey = { partition: 5, fullMember: true };
    expect(parse({ pkey: "0x8005", waitForPkeySeconds: 3 }).settings.partition).toEqual({ pkey, time: 3000 });
    expect(parse({ pkey: "0x8005" }).settings.partition).toBeUndefined();
  });

  test("rdmaIsolation is enabled with true", () => {
    expect(parse({ rdmaIsolation: true }).settings.rdmaIsolation).toBe(true);
    expect(parse().settings.rdmaIsolation).toBeUndefined();
  });

  test("dns and prevResult are kept", () => {
    expect(parse({ dns: { domain: "d" }, prevResult: { interfaces: [{ name: "eth0" }] } })).toMatchObject({
      dns: { domain: "d" },
      prevResult: { interfaces: [{ name: "eth0" }] },
    });
  });

  test.each(refused)("refuses %s", (_, changes, code) => {
    expect(thrown(() => parse(changes)).code).toBe(code);
  });

  test.each([
    ["deviceID", "../../etc"],
    ["link_state", "up"],
    ["pkey", "0x0"],
    ["guid", "nonsense"],
  ])("a refusal names key and value: %s %s", (key, value) => {
    const { message } = thrown(() => parse({ [key]: value }));
    expect(message).toContain(key);
    expect(message).toContain(value);
  });

  test("rdmaOnly is enabled with true", () => {
    expect(parse({ rdmaOnly: true }).rdmaOnly).toBe(true);
    expect(parse().rdmaOnly).toBeUndefined();
  });

  test("vfioPciMode is enabled with true", () => {
    expect(parse({ vfioPciMode: true }).vfioPciMode).toBe(true);
    expect(parse().vfioPciMode).toBeUndefined();
  });

  test("unsupported values are refused with key and value, never ignored", () => {
    expect(thrown(() => parse({ ipam: { type: "dhcp" } })).message).toContain('ipam.type "dhcp"');
  });

  test("a missing deviceID is an error that names the component that sets it", () => {
    expect(thrown(() => parse({ deviceID: "" })).message).toContain("k8s.v1.cni.cncf.io/resourceName");
  });

  test("any configuration is read or refused with a CniError", () => {
    const keys = [
      "deviceID",
      "guid",
      "pkey",
      "ipam",
      "link_state",
      "rdmaIsolation",
      "ibKubernetesEnabled",
      "vfioPciMode",
      "runtimeConfig",
      "args",
      "dns",
      "prevResult",
    ];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(true, "enable", { cni: { guid: 5 } }, { type: "dhcp" }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value), fc.string(), (changes, args) => {
        orCniError(() => parse(changes, args));
        expect(parseNetworkForDel(configuration(changes)).name).toBe("mynet");
      }),
    );
  });
});

describe("parseNetworkForDel", () => {
  test.each([
    [{ runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:0A" } }, "02:00:00:00:00:00:00:0a"],
    [{ args: { cni: { guid: "02:00:00:00:00:00:00:0b" } } }, "02:00:00:00:00:00:00:0b"],
    [{ guid: "auto" }, undefined],
    [{ ibKubernetesEnabled: true }, undefined],
    [{ guid: "77" }, undefined],
  ])("has the GUID that the call names, without a warning: %j", (keys, guid) => {
    expect(parseNetworkForDel(configuration(keys))).toMatchObject({ guid, warnings: [] });
  });

  test("has all that releasing a lease and a VF needs", () => {
    expect(
      parseNetworkForDel(configuration({ deviceID: "0000:AF:00.2", ipam: { type: "host-local" } })),
    ).toEqual({
      name: "mynet",
      deviceID: "0000:af:00.2",
      ipamType: "host-local",
      timeout: 50_000,
      warnings: [],
    });
  });

  test.each([
    [10, 10_000],
    [50, 50_000],
    [600, 50_000],
  ])(
    "with timeoutSeconds %i takes at most %i ms, so that it ends before containerd's 60 s",
    (given, timeout) => {
      expect(parseNetworkForDel(configuration({ timeoutSeconds: given })).timeout).toBe(timeout);
    },
  );

  test.each(refused)("%s does not prevent cleaning up", (_, changes) => {
    const network = parseNetworkForDel(configuration({ ipam: { type: "host-local" }, ...changes }));
    expect(network.ipamType).toBe("ipam" in changes ? undefined : "host-local");
    expect(network.deviceID).toBe("deviceID" in changes ? undefined : "0000:03:00.2");
    const tells = ["ipam", "deviceID", "timeoutSeconds"].some((key) => key in changes);
    expect(network.warnings).toHaveLength(tells ? 1 : 0);
  });

  test("dhcp never had a lease, and the warning contains key and value", () => {
    expect(parseNetworkForDel(configuration({ ipam: { type: "dhcp" } })).warnings[0]).toContain(
      'ipam.type "dhcp"',
    );
  });
});

describe("parseNetworkForGc", () => {
  test.each(refused)("refuses no configuration that ADD would refuse: %s", (_, changes) => {
    expect(parseNetworkForGc(configuration(changes)).timeout).toBe(100_000);
  });

  test("has the IPAM plugin, and its time limit", () => {
    const network = configuration({ deviceID: undefined, ipam: { type: "host-local" }, timeoutSeconds: 2 });
    expect(parseNetworkForGc(network)).toEqual({ ipamType: "host-local", timeout: 2000, warnings: [] });
  });
});
