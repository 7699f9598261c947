import { emptyResult, type Result } from "../../../src/cni/result.ts";
import { guid } from "../../support/records.ts";
import { deviceInfo, freshVf, type Setting, vf } from "../harness/default-node.ts";
import type { AttachmentRequest } from "../harness/requests.ts";

/** The GUID that a container wants. */
export const requestedGuid = guid("02:00:00:00:00:00:00:77");

/** Something that a container can want, on some kind of node. */
export interface NamedRequest {
  readonly name: string;
  readonly wish: AttachmentRequest;
  readonly setting: Setting;
}

/** All that one can want. */
export const everything: AttachmentRequest = {
  vf,
  guid: requestedGuid,
  linkState: "enable",
  subnets: ["10.1.0.0/24"],
};

/** What there is to want, on the usual node. */
export function requests(): NamedRequest[] {
  const subnets = ["10.1.0.0/24"];
  return [
    { name: "nothing in particular", wish: { vf }, setting: {} },
    { name: "a GUID", wish: { vf, guid: requestedGuid }, setting: {} },
    { name: "a link state", wish: { vf, linkState: "enable" }, setting: {} },
    { name: "an address", wish: { vf, subnets }, setting: {} },
    {
      name: "two addresses",
      // A disabled link has no carrier, without which address detection does not end.
      wish: { vf, linkState: "enable", subnets: [...subnets, "fd00::/64"] },
      setting: {},
    },
    { name: "everything", wish: everything, setting: {} },
    {
      name: "the GUID that it has",
      wish: { vf, guid: requestedGuid, subnets },
      setting: { guid: requestedGuid },
    },
  ];
}

/** What fewer want: each of it for its own sake. */
export function rareRequests(): NamedRequest[] {
  return [
    { name: "an MTU", wish: { vf, mtu: 1900 }, setting: {} },
    {
      name: "an MTU, a carrier and a file that tells of the device",
      wish: { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo },
      setting: {},
    },
    { name: "a VF in connected mode", wish: everything, setting: { connected: true } },
    { name: "a file that tells of the device", wish: { vf, deviceInfo }, setting: {} },
    {
      name: "a file that tells of two isolated devices",
      wish: { ...everything, rdmaIsolation: true, deviceInfo },
      setting: { rdma: "exclusive", rdmaDevices: 2 },
    },
  ];
}

/** The partition that a container wants to be in, and a node whose subnet manager takes its time. */
export const partition = { pkey: { partition: 5, fullMember: false }, time: 5_000 } as const;
export const partitioned: Setting = { partition: { pkey: 0x8005, delay: 900 } };

/** A partition that is waited for: with the interface, and where the RDMA device moves after it. */
export function partitionRequests(): NamedRequest[] {
  return [
    { name: "a partition", wish: { ...everything, partition }, setting: partitioned },
    {
      name: "a partition and isolation",
      wish: { ...everything, partition, rdmaIsolation: true },
      setting: { ...partitioned, rdma: "exclusive", rdmaDevices: 2 },
    },
  ];
}

/** Nodes that make it harder. */
export function refusedRequests(): NamedRequest[] {
  const pendingGuid = guid("0a:00:00:00:00:00:00:55");
  const prevResult: Result = {
    ...emptyResult(),
    interfaces: [{ name: "eth0", sandbox: "/run/netns/a" }],
    ips: [{ address: "192.0.2.1/24", interface: 0 }],
  };
  return [
    { name: "the kernel cannot tell of VFs", wish: everything, setting: { vfConfigUnreadable: true } },
    { name: "netdevs appear late", wish: everything, setting: { lateNetdev: 60 } },
    { name: "a slow IPAM plugin", wish: everything, setting: { slowIpam: 500 } },
    { name: "another GUID is on file", wish: everything, setting: { pendingGuid } },
    { name: "another GUID is on file and none wanted", wish: { vf }, setting: { pendingGuid } },
    {
      name: "the GUID is on file, but not in effect",
      wish: everything,
      setting: { pendingGuid: requestedGuid },
    },
    { name: "a chain", wish: { ...everything, prevResult }, setting: {} },
    { name: "udev renames soon", wish: everything, setting: { udev: 8 } },
    { name: "udev renames late", wish: everything, setting: { udev: 300 } },
  ];
}

/** A VF that was never given anything; without a GUID it cannot be had. */
export function freshVfRequests(): NamedRequest[] {
  return [
    { name: "a fresh VF", wish: { ...everything, vf: freshVf }, setting: {} },
    { name: "a fresh VF, no address", wish: { vf: freshVf, guid: requestedGuid }, setting: {} },
  ];
}

/** Somebody who wants just what the first did not, so that nothing fits by chance. */
export function contrary({ guid: first, linkState, subnets, ...rest }: AttachmentRequest): AttachmentRequest {
  return {
    ...rest,
    ...(first === undefined ? { guid: guid("02:00:00:00:00:00:00:88") } : {}),
    ...(linkState === undefined ? { linkState: "enable" } : {}),
    ...(subnets === undefined ? { subnets: ["10.2.0.0/24"] } : {}),
  };
}

/** Somebody who wants the same. */
export function same(wish: AttachmentRequest): AttachmentRequest {
  return wish;
}

/** Somebody who wants the same, with a GUID of his own. */
export function another(wish: AttachmentRequest): AttachmentRequest {
  return { ...wish, guid: guid("02:00:00:00:00:00:00:66") };
}
