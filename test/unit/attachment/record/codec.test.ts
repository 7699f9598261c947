import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecord } from "../../../../src/attachment/record/codec.ts";
import type { AttachmentRecord } from "../../../../src/attachment/record/record.ts";
import {
  type ConfiguredTexts,
  goCacheOf,
  recordDocument,
} from "../../../../src/attachment/record/record-document.ts";
import { aRecord } from "../../../support/records.ts";
import { anyRecord, hardText } from "./any-record.ts";

/** Returns a value as JSON keeps it: without members that are `undefined`. */
const kept = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("ib-sriov's part of a record as text", () => {
  test("is one line, followed by one line with the Go plugin's part", () => {
    fc.assert(
      fc.property(anyRecord, hardText, (record, pfName) => {
        const [first = "", second, ...more] = recordDocument(record, pfName).split("\n");
        expect(more).toEqual([]);
        expect(JSON.parse(`${first.slice(0, -1)}}`)).toEqual({ attachment: expect.anything() });
        expect(JSON.parse(`{${second}`)).toMatchObject({ Master: pfName, deviceID: record.vf.pci });
      }),
    );
  });

  test("is read back as it was written", () => {
    fc.assert(
      fc.property(anyRecord, hardText, (record, pfName) => {
        const read = parseRecord(recordDocument(record, pfName));
        expect(read).toEqual(kept(record));
      }),
      { numRuns: 500 },
    );
  });
});

describe("the Go plugin's part of a record as text", () => {
  const anyConfigured: fc.Arbitrary<ConfiguredTexts> = fc.record({
    cniVersion: hardText,
    name: hardText,
    type: hardText,
    ipamType: hardText,
    pkey: hardText,
  });

  /** The members of the Go plugin's structures (pkg/types, NetConf), under the names of its source. */
  function cacheOf(
    { originals: found, ifname, kind, vf, desired: wanted }: AttachmentRecord,
    master: string,
    said: ConfiguredTexts,
  ) {
    const device = wanted.rdmaIsolation ? (found.rdma?.devices[0] ?? "") : "";
    return {
      cniVersion: said.cniVersion,
      name: said.name,
      type: said.type,
      ipam: { type: said.ipamType },
      Master: master,
      deviceID: vf.pci,
      VFID: vf.index,
      HostIFNames: found.name,
      HostIFGUID: wanted.guid === undefined ? "" : found.portGuid,
      ContIFNames: ifname,
      pkey: said.pkey,
      link_state: wanted.linkState,
      vfioPciMode: kind === "vfio" || kind === "vfio-pf" || undefined,
      rdmaIsolation: wanted.rdmaIsolation,
      RdmaNetState: {
        version: "",
        deviceID: wanted.rdmaIsolation ? vf.pci : "",
        sandboxRdmaDevName: device,
        containerRdmaDevName: device,
      },
      runtimeConfig: { infinibandGUID: wanted.guid ?? "" },
      args: { cni: null },
    };
  }

  test("has that plugin's names, for any record", () => {
    fc.assert(
      fc.property(anyRecord, hardText, anyConfigured, (record, pfName, configured) => {
        expect(kept(goCacheOf(record, pfName, configured))).toEqual(
          kept(cacheOf(record, pfName, configured)),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("names no RDMA device of an isolated VF without RDMA devices", () => {
    const found = { ...aRecord().originals, rdma: undefined };
    const text = recordDocument(aRecord({ originals: found }), "ib0");
    expect(JSON.parse(text).RdmaNetState).toEqual({
      version: "",
      deviceID: "0000:03:00.2",
      sandboxRdmaDevName: "",
      containerRdmaDevName: "",
    });
  });
});
