import { emptyResult, type Result } from "../../../src/cni/result.ts";
import { guid } from "../../support/records.ts";
import { deviceInfo, freshVf, type Setting, vf } from "./default-node.ts";
import type { AttachmentRequest } from "./requests.ts";

/** The GUID of a container's request. */
export const requestedGuid = guid("02:00:00:00:00:00:00:77");

/** A request of a container, and a kind of node for it. */
export interface NamedRequest {
  readonly name: string;
  readonly request: AttachmentRequest;
  readonly setting: Setting;
}

/** A request with all common settings. */
export const everything: AttachmentRequest = {
  vf,
  guid: requestedGuid,
  linkState: "enable",
  subnets: ["10.1.0.0/24"],
};

/**
 * Kernels that create the netdev of a moved RDMA device in the initial namespace, and in the namespace of the device.
 */
export const kernels: Readonly<Record<string, Setting>> = {
  "on older kernels": { rdma: "exclusive" },
  "on newer kernels": { rdma: "netdev follows" },
};

/** A request for everything, and the RDMA device. */
export const isolated = { ...everything, rdmaIsolation: true } as const;

/** A request of a GUID that is derived for a VF without a GUID. */
export const derivedGuidRequest: AttachmentRequest = {
  vf: freshVf,
  guid: "auto",
  linkState: "enable",
  subnets: ["10.1.0.0/24"],
};

/** Returns the common requests, on the default node. */
export function requests(): NamedRequest[] {
  const subnets = ["10.1.0.0/24"];
  return [
    { name: "no settings", request: { vf }, setting: {} },
    { name: "a GUID", request: { vf, guid: requestedGuid }, setting: {} },
    { name: "a link state", request: { vf, linkState: "enable" }, setting: {} },
    { name: "an address", request: { vf, subnets }, setting: {} },
    {
      name: "two addresses",
      // A disabled link has no carrier, and without a carrier, duplicate address detection does not end.
      request: { vf, linkState: "enable", subnets: [...subnets, "fd00::/64"] },
      setting: {},
    },
    { name: "everything", request: everything, setting: {} },
    {
      name: "the GUID that it has",
      request: { vf, guid: requestedGuid, subnets },
      setting: { guid: requestedGuid },
    },
  ];
}

/** Returns less common requests. */
export function rareRequests(): NamedRequest[] {
  return [
    { name: "an MTU", request: { vf, mtu: 1900 }, setting: {} },
    {
      name: "an MTU, a carrier and a device information file",
      request: { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo },
      setting: {},
    },
    { name: "a VF in connected mode", request: everything, setting: { connected: true } },
    { name: "a device information file", request: { vf, deviceInfo }, setting: {} },
    {
      name: "a device information file, two isolated devices",
      request: { ...everything, rdmaIsolation: true, deviceInfo },
      setting: { rdma: "exclusive", rdmaDevices: 2 },
    },
  ];
}

/** The partition of a container's request, and a node whose subnet manager takes some time. */
export const partition = { pkey: { partition: 5, fullMember: false }, time: 5_000 } as const;
export const partitioned: Setting = { partition: { pkey: 0x8005, delay: 900 } };

/** Returns requests on nodes that differ from the default one. */
export function requestsOnOtherNodes(): NamedRequest[] {
  const guidNotInEffect = guid("0a:00:00:00:00:00:00:55");
  const prevResult: Result = {
    ...emptyResult(),
    interfaces: [{ name: "eth0", sandbox: "/run/netns/a" }],
    ips: [{ address: "192.0.2.1/24", interface: 0 }],
  };
  return [
    { name: "a kernel that cannot report VFs", request: everything, setting: { vfConfigUnreadable: true } },
    { name: "netdevs appear late", request: everything, setting: { lateNetdev: 60 } },
    { name: "a slow IPAM plugin", request: everything, setting: { slowIpam: 500 } },
    { name: "another GUID is set at the PF", request: everything, setting: { guidNotInEffect } },
    { name: "another GUID is set at the PF, none requested", request: { vf }, setting: { guidNotInEffect } },
    {
      name: "the GUID is set at the PF, but not in effect",
      request: everything,
      setting: { guidNotInEffect: requestedGuid },
    },
    { name: "a chain", request: { ...everything, prevResult }, setting: {} },
    { name: "udev renames soon", request: everything, setting: { udev: 8 } },
    { name: "udev renames late", request: everything, setting: { udev: 300 } },
  ];
}

/** Returns requests for a VF without any settings; no container gets it without a GUID. */
export function freshVfRequests(): NamedRequest[] {
  return [
    { name: "a fresh VF", request: { ...everything, vf: freshVf }, setting: {} },
    { name: "a fresh VF, no address", request: { vf: freshVf, guid: requestedGuid }, setting: {} },
  ];
}

/** Returns a request for just the settings that the first request lacks, so that nothing fits by chance. */
export function contrary({ guid: first, linkState, subnets, ...rest }: AttachmentRequest): AttachmentRequest {
  return {
    ...rest,
    ...(first === undefined ? { guid: guid("02:00:00:00:00:00:00:88") } : {}),
    ...(linkState === undefined ? { linkState: "enable" } : {}),
    ...(subnets === undefined ? { subnets: ["10.2.0.0/24"] } : {}),
  };
}

/** Returns the same request, for another container. */
export function same(request: AttachmentRequest): AttachmentRequest {
  return request;
}

/** Returns the same request with another GUID. */
export function withOtherGuid(request: AttachmentRequest): AttachmentRequest {
  return { ...request, guid: guid("02:00:00:00:00:00:00:66") };
}
