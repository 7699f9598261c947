import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { parseNetworkForStatus } from "../../../src/network-config/settings.ts";
import { thrown } from "../cni/thrown.ts";

const minimal = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", deviceID: "0000:03:00.2" };

function configuration(changes: object) {
  return parseConfiguration(JSON.stringify({ ...minimal, ...changes }));
}

describe("parseNetworkForStatus", () => {
  test("needs no deviceID: no device plugin has set it", () => {
    const network = { deviceID: undefined, ipam: { type: "host-local" }, timeoutSeconds: 2 };
    expect(parseNetworkForStatus(configuration(network))).toEqual({
      rdmaIsolation: false,
      ipamType: "host-local",
      timeout: 2000,
    });
    const isolating = configuration({ ...network, rdmaIsolation: true });
    expect(parseNetworkForStatus(isolating).rdmaIsolation).toBe(true);
  });

  test.each([
    ["dhcp", { ipam: { type: "dhcp" } }, 2],
    ["the plugin itself as IPAM plugin", { ipam: { type: "ib-sriov" } }, 2],
    ["an invalid pkey", { pkey: "0x10000" }, 7],
    ["a wait for no pkey", { waitForPkeySeconds: 3 }, 7],
    ["an unknown link_state", { link_state: "up" }, 7],
    ["a timeout of 0 s", { timeoutSeconds: 0 }, 7],
  ])("refuses configurations with which no ADD can succeed: %s", (_, changes, code) => {
    expect(thrown(() => parseNetworkForStatus(configuration(changes)))).toMatchObject({ code });
  });
});
