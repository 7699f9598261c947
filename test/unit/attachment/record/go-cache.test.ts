import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseGoCache } from "../../../../src/attachment/record/go-cache.ts";
import { recordDocument } from "../../../../src/attachment/record/record-document.ts";
import { goCache } from "../../../support/go-cache.ts";
import { aRecord } from "../../../support/records.ts";

const parsed = (changes: object) => parseGoCache(JSON.stringify({ ...goCache, ...changes }));

describe("the Go plugin's cache", () => {
  test("describes the original VF and the changes", () => {
    expect(parsed({})).toEqual({
      pci: "0000:01:10.0",
      pfName: "ib0",
      name: "ib1",
      ifname: "net1",
      guid: "02:00:00:00:00:00:00:0a",
      original: "00:00:00:00:00:00:00:00",
      linkState: "enable",
      rdmaIsolation: false,
      vfioPciMode: false,
    });
  });

  test("takes a GUID of the pod's annotation if the runtime passed none", () => {
    const args = { cni: { guid: "02:00:00:00:00:00:00:0b", pkey: "0x5" } };
    expect(parsed({ args })?.guid).toBe("02:00:00:00:00:00:00:0a");
    expect(parsed({ args, runtimeConfig: { infinibandGUID: "" } })?.guid).toBe("02:00:00:00:00:00:00:0b");
  });

  test("has no GUID to restore if ADD set none", () => {
    expect(parsed({ HostIFGUID: "" })).toMatchObject({ guid: undefined, original: undefined });
  });

  test("names no netdev for a VF bound to vfio-pci", () => {
    const vfio = {
      HostIFNames: "",
      ContIFNames: "",
      HostIFGUID: "FF:FF:FF:FF:FF:FF:FF:FF",
      vfioPciMode: true,
    };
    expect(parsed({ ...vfio, link_state: undefined })).toMatchObject({
      name: "",
      ifname: "",
      original: "ff:ff:ff:ff:ff:ff:ff:ff",
      linkState: undefined,
      vfioPciMode: true,
    });
  });

  test("shows that the RDMA device is in the container, too", () => {
    expect(parsed({ rdmaIsolation: true })?.rdmaIsolation).toBe(true);
  });

  test("is part of each record, so that damage to ib-sriov's part loses little", () => {
    expect(parseGoCache(recordDocument(aRecord(), "ib0"))).toMatchObject({
      pci: "0000:03:00.2",
      pfName: "ib0",
      name: "ibp3s0f0v1",
      ifname: "net1",
      guid: "02:00:00:00:00:00:00:01",
      original: "11:22:33:00:77:77:77:02",
      linkState: "enable",
    });
  });

  test.each([
    ["deviceID is a path", { deviceID: "../../etc" }],
    ["deviceID is missing", { deviceID: undefined }],
    ["the netdev's name is missing", { HostIFNames: undefined }],
    ["the interface's name is a number", { ContIFNames: 1 }],
    ["the PF's name is missing", { Master: undefined }],
    ["the link state is invalid", { link_state: "up" }],
  ])("is rejected if %s", (_, changes) => {
    expect(parsed(changes)).toBeUndefined();
  });

  test("is rejected for any other content of the file", () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => parseGoCache(text) === undefined));
  });
});
