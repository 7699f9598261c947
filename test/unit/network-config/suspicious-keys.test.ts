import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/cni/document.ts";
import { warnOfSuspiciousKeys } from "../../../src/network-config/suspicious-keys.ts";
import { documentedKeys } from "../../support/documented-keys.ts";

/** Returns the warnings, without their common beginning. */
function suspiciousKeys(network: JsonObject): string[] {
  const warnings: string[] = [];
  warnOfSuspiciousKeys(network, warnings);
  return warnings.map((each) => each.replace("network configuration: ", ""));
}

describe("a key of a network", () => {
  test.each([
    ["linkState", "key linkState is ignored; use link_state"],
    ["link-state", "key link-state is ignored; use link_state"],
    ["linkstat", "key linkstat is ignored; use link_state"],
    ["guids", "key guids is ignored; use guid"],
    ["giud", "key giud is ignored; use guid"],
    ["waitForCarierSeconds", "key waitForCarierSeconds is ignored; use waitForCarrierSeconds"],
    ["timeout", "key timeout is ignored; use timeoutSeconds"],
    ["rdma_isolation", "key rdma_isolation is ignored; use rdmaIsolation"],
    // Go reads keys in any case, and so does the plugin.
    ["GUID", "key GUID is read as guid; use that spelling"],
    ["pKey", "key pKey is read as pkey; use that spelling"],
  ])("%s is named with the known key", (key, sentence) => {
    expect(suspiciousKeys({ cniVersion: "1.0.0", [key]: "x" })).toEqual([sentence]);
  });

  test.each([
    "future",
    "x",
    "",
    "id",
    "mac",
    "vlan",
    "mode",
    "master",
    "trust",
    "VFID",
    "resourceName",
    "keyA",
    "ipMasq",
    "disableCheck",
    "cniVersions",
    "pciBusID",
    "\u{1f642}",
  ])("%j resembles no other key, or is another plugin's", (key) => {
    expect(suspiciousKeys({ [key]: "x" })).toEqual([]);
  });

  test("of the reference is known", () => {
    const keys = documentedKeys().map((key) => key.split(".")[0] ?? "");
    expect(suspiciousKeys(Object.fromEntries(keys.map((key) => [key, "x"])))).toEqual([]);
    // A missing letter is noticed in each key that is long enough.
    for (const key of keys.filter((each) => each.length > 4 && !each.startsWith("cni.dev")))
      expect(suspiciousKeys({ [key.slice(0, 2) + key.slice(3)]: "x" })).toHaveLength(1);
  });
});

test("a capability with another spelling is named: runtimes compare exactly", () => {
  const of = (capabilities: unknown) => suspiciousKeys({ capabilities });
  expect(of({ infinibandGuid: true, CNIDeviceInfoFile: true, ips: true, portMappings: true })).toEqual([
    "capability infinibandGuid is not known to runtimes; use infinibandGUID",
  ]);
  expect([of("x"), of(null), of({ infinibandGUID: true })]).toEqual([[], [], []]);
});

test("a MAC address is a request that an InfiniBand interface cannot fulfill", () => {
  const of = (runtimeConfig: unknown) => suspiciousKeys({ runtimeConfig });
  expect(of({ mac: "02:00:00:00:00:01", infinibandGUID: "x" })).toEqual([
    "runtimeConfig.mac is ignored: an InfiniBand interface has no MAC address; use guid or runtimeConfig.infinibandGUID",
  ]);
  expect([of({ mac: "" }), of({ mac: null }), of({}), of("x")]).toEqual([[], [], [], []]);
});
