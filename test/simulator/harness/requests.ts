import { ipamCallFor, ipamCallOfNetwork } from "../../../src/attachment/ipam/ipam.ts";
import { rollbackTimeOf } from "../../../src/attachment/limits.ts";
import type { AttachmentName, Desired } from "../../../src/attachment/record/record.ts";
import type { AddRequest, DelRequest, GcRequest, VerbRequest } from "../../../src/attachment/requests.ts";
import { emptyDns, type Result } from "../../../src/cni/result.ts";
import { encodeResult } from "../../../src/cni/result-encode.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { Node } from "../../../src/node/node.ts";
import { unobserved } from "../../support/unobserved.ts";

/** Where the programs are that CNI_PATH names. */
export const pluginPath = "/opt/cni/bin";

/** How long a call may take, ms. */
const PATIENCE = 100_000;

/** How long a pod's calls may take, ms. */
export function timeoutOf({ patience = PATIENCE }: AttachmentRequest): number {
  return patience;
}

/** Who wants a VF. */
export interface Pod {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
}

/** What an attachment shall be like. */
export interface AttachmentRequest extends Omit<Desired, "guid" | "linkState"> {
  /** PCI address. */
  readonly vf: string;
  readonly guid?: Guid | "auto";
  readonly linkState?: LinkState;
  readonly vfioPciMode?: true;
  readonly rdmaOnly?: true;
  /** Subnets of host-local; none: no IPAM. */
  readonly subnets?: readonly string[];
  /** May the pod's namespace be the host's (CNI_NETNS_OVERRIDE)? */
  readonly ownNetnsAllowed?: boolean;
  /** Name of the network, if it is not "mynet". */
  readonly network?: string;
  readonly prevResult?: Result;
  /** More of the network configuration, for whatever else there may be in it. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** How long the call may take, ms. */
  readonly patience?: number;
}

/** The call of ADD for a pod. */
export function addRequest(
  node: Node,
  pod: Pod,
  wish: AttachmentRequest,
  warn: VerbRequest["warn"],
): AddRequest {
  const timeout = timeoutOf(wish);
  const rollbackTime = rollbackTimeOf(timeout);
  return {
    ...callOf(node, pod, wish, warn),
    deadline: node.clock.now() + timeout - rollbackTime,
    rollbackTime,
    netns: pod.netns,
    ownNetnsAllowed: wish.ownNetnsAllowed === true,
    deviceID: wish.vf,
    vfioPciMode: wish.vfioPciMode,
    rdmaOnly: wish.rdmaOnly,
    guid: wish.guid,
    wanted: {
      linkState: wish.linkState,
      rdmaIsolation: wish.rdmaIsolation,
      mtu: wish.mtu,
      carrierTime: wish.carrierTime,
      partition: wish.partition,
      deviceInfo: wish.deviceInfo,
    },
    reply: { cniVersion: "1.1.0", prevResult: wish.prevResult, dns: emptyDns() },
  };
}

/** The call of DEL for a pod. `netns`: CNI_NETNS, if it is not the pod's. */
export function delRequest(
  node: Node,
  pod: Pod,
  wish: AttachmentRequest,
  warn: VerbRequest["warn"],
  netns: string | undefined = pod.netns,
): DelRequest {
  const call = { ...callOf(node, pod, wish, warn), netns };
  return {
    ...call,
    ownNetnsAllowed: wish.ownNetnsAllowed === true,
    deviceID: wish.vf,
    rdmaOnly: wish.rdmaOnly,
    ipam: wish.subnets === undefined ? undefined : ipamCallFor(call.name, netns ?? "", call),
  };
}

function callOf(
  node: Node,
  { containerId, ifname, netns }: Pod,
  wish: AttachmentRequest,
  warn: VerbRequest["warn"],
): VerbRequest {
  const ranges = wish.subnets?.map((subnet) => [{ subnet }]);
  const routes = wish.subnets?.map((subnet) => ({ dst: subnet.includes(":") ? "::/0" : "0.0.0.0/0" }));
  const ipam = ranges === undefined ? {} : { ipam: { type: "host-local", ranges, routes } };
  return {
    name: { containerId, ifname },
    netns,
    stdin: JSON.stringify({
      cniVersion: "1.1.0",
      name: wish.network ?? "mynet",
      type: "ib-sriov",
      deviceID: wish.vf,
      ...ipam,
      ...wish.more,
      prevResult: wish.prevResult && JSON.parse(encodeResult(wish.prevResult, "1.1.0")),
    }),
    args: "IgnoreUnknown=1",
    path: pluginPath,
    deadline: node.clock.now() + timeoutOf(wish),
    warn,
    observe: unobserved,
  };
}

/** The call of GC for a network; `valid`: undefined for none. */
export function gcRequest(
  node: Node,
  network: string,
  valid: readonly AttachmentName[] | undefined,
  warn: VerbRequest["warn"],
): GcRequest {
  const stdin = JSON.stringify({
    cniVersion: "1.1.0",
    name: network,
    type: "ib-sriov",
    ipam: { type: "host-local", ranges: [] },
  });
  return {
    network,
    valid,
    ipam: ipamCallOfNetwork({ stdin, args: "", path: pluginPath }),
    deadline: node.clock.now() + PATIENCE,
    warn,
    observe: unobserved,
  };
}

/** The environment of the plugin's process. */
export function environmentOf({ containerId, ifname, netns }: Pod, command: string): string[] {
  return [
    "PATH=/bin",
    `CNI_COMMAND=${command}`,
    `CNI_CONTAINERID=${containerId}`,
    `CNI_IFNAME=${ifname}`,
    `CNI_NETNS=${netns}`,
    "CNI_ARGS=IgnoreUnknown=1",
    `CNI_PATH=${pluginPath}`,
  ];
}
