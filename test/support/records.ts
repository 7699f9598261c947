import type { AttachmentRecord } from "../../src/attachment/record/record.ts";
import { type Guid, parseGuid } from "../../src/infiniband/guid.ts";
import type { LinkSettings } from "../../src/node/link-settings.ts";

/** Parses a GUID of a test; a misspelled GUID fails the test. */
export function guid(text: string): Guid {
  const parsed = parseGuid(text);
  if (parsed === undefined) throw new Error(`${text} is not a GUID`);
  return parsed;
}

/** The settings of a new IPoIB netdev. */
export const aLinkSettings: LinkSettings = {
  flags: 0x1000,
  txQueueLength: 256,
  group: 0,
  linkMode: 0,
  gsoMaxSize: 65_536,
  gsoMaxSegments: 65_535,
  gsoIpv4MaxSize: 65_536,
  groMaxSize: 65_536,
  groIpv4MaxSize: 65_536,
  alias: "",
  broadcast: "00ffffffff12401bffff000000000000ffffffff",
  mode: 0,
  umcast: 0,
  xdpGeneric: 0,
  xdpDriver: 0,
  xdpHardware: 0,
};

/** Returns a record with every member, with the given changes. */
export function aRecord(changes: Partial<AttachmentRecord> = {}): AttachmentRecord {
  return {
    state: "preparing",
    containerId: "c1",
    ifname: "net1",
    netns: "/run/netns/c1",
    netnsCookie: "4026532281",
    kind: "netdev",
    bootId: "53828621-562d-45fe-8cbb-834692aaa2a3",
    since: 1795506227622,
    vf: { pci: "0000:03:00.2", pf: "0000:03:00.0", index: 1, generation: "15375" },
    originals: {
      name: "ibp3s0f0v1",
      altnames: ["ibs1v1"],
      mtu: 1800,
      up: true,
      settings: aLinkSettings,
      nodeGuid: guid("11:22:33:00:77:77:77:01"),
      portGuid: guid("11:22:33:00:77:77:77:02"),
      adminNodeGuid: guid("11:22:33:00:77:77:77:01"),
      adminPortGuid: guid("11:22:33:00:77:77:77:02"),
      linkState: "disable",
      rdma: { devices: ["mlx5_1"], files: ["uverbs1", "umad1"] },
      deviceInfo: "mlx5_1",
      driver: "mlx5_core",
    },
    desired: {
      guid: guid("02:00:00:00:00:00:00:01"),
      linkState: "enable",
      rdmaIsolation: true,
      mtu: 2044,
      carrierTime: 3000,
      partition: { pkey: { partition: 5, fullMember: false }, time: 2000 },
      deviceInfo: "/run/devinfo/c1",
    },
    call: {
      stdin:
        '{"cniVersion":"1.0.0","name":"mynet","type":"ib-sriov","pkey":"0x5","ipam":{"type":"host-local","ranges":[]}}',
      args: "IgnoreUnknown=1",
      path: "/opt/cni/bin",
    },
    ...changes,
  };
}
