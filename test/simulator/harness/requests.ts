import { ipamCallFor, ipamCallOfNetwork } from "../../../src/attachment/ipam/ipam.ts";
import { rollbackTimeOf } from "../../../src/attachment/limits.ts";
import type { Settings } from "../../../src/attachment/record/desired.ts";
import type { AttachmentName } from "../../../src/attachment/record/record.ts";
import type { AddRequest, DelRequest, GcRequest, VerbRequest } from "../../../src/attachment/requests.ts";
import { emptyDns, type Result } from "../../../src/cni/result.ts";
import { encodeResult } from "../../../src/cni/result-encode.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { Node } from "../../../src/node/node.ts";
import { unobserved } from "../../support/unobserved.ts";

/** CNI_PATH: the directory of the IPAM plugins. */
export const pluginPath = "/opt/cni/bin";

/** Time limit of a call, ms. */
const DEFAULT_TIMEOUT = 100_000;

/** Returns the time limit of a pod's calls, ms. */
export function timeoutOf({ timeout = DEFAULT_TIMEOUT }: AttachmentRequest): number {
  return timeout;
}

/** A container and the interface that it gets, as in CNI_CONTAINERID, CNI_IFNAME and CNI_NETNS. */
export interface Pod {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  /** K8S_POD_UID, which all sandboxes of a pod have in common; `undefined` if the runtime does not name it. */
  readonly uid?: string;
}

/** The desired settings of an attachment. */
export interface AttachmentRequest extends Omit<Settings, "linkState"> {
  /** PCI address. */
  readonly vf: string;
  readonly guid?: Guid | "auto";
  readonly linkState?: LinkState;
  readonly vfioPciMode?: true;
  readonly rdmaOnly?: true;
  /** Subnets for host-local; without any, the network has no IPAM. */
  readonly subnets?: readonly string[];
  /** Whether the pod's namespace may be the plugin's own (CNI_NETNS_OVERRIDE). */
  readonly ownNetnsAllowed?: boolean;
  /** Name of the network, if it is not "mynet". */
  readonly network?: string;
  readonly prevResult?: Result;
  /** Further keys of the network configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Time limit of the call, ms. */
  readonly timeout?: number;
}

/** Returns the call of ADD for a pod. */
export function addRequest(
  node: Node,
  pod: Pod,
  request: AttachmentRequest,
  warn: VerbRequest["warn"],
): AddRequest {
  const timeout = timeoutOf(request);
  const rollbackTime = rollbackTimeOf(timeout);
  return {
    ...callOf(node, pod, request, warn),
    deadline: node.clock.now() + timeout - rollbackTime,
    rollbackTime,
    netns: pod.netns,
    ownNetnsAllowed: request.ownNetnsAllowed === true,
    deviceID: request.vf,
    vfioPciMode: request.vfioPciMode,
    rdmaOnly: request.rdmaOnly,
    guid: request.guid,
    settings: {
      linkState: request.linkState,
      rdmaIsolation: request.rdmaIsolation,
      mtu: request.mtu,
      carrierTime: request.carrierTime,
      partition: request.partition,
      deviceInfo: request.deviceInfo,
    },
    reply: { cniVersion: "1.1.0", prevResult: request.prevResult, dns: emptyDns() },
  };
}

/** Returns the call of DEL for a pod. `netns`: CNI_NETNS, if it is not the pod's. */
export function delRequest(
  node: Node,
  pod: Pod,
  request: AttachmentRequest,
  warn: VerbRequest["warn"],
  netns: string | undefined = pod.netns,
): DelRequest {
  const call = { ...callOf(node, pod, request, warn), netns };
  return {
    ...call,
    ownNetnsAllowed: request.ownNetnsAllowed === true,
    deviceID: request.vf,
    guid: request.guid === "auto" ? undefined : request.guid,
    rdmaOnly: request.rdmaOnly,
    ipam: request.subnets === undefined ? undefined : ipamCallFor(call.name, netns ?? "", call),
  };
}

function callOf(node: Node, pod: Pod, request: AttachmentRequest, warn: VerbRequest["warn"]): VerbRequest {
  const { containerId, ifname, netns } = pod;
  const ranges = request.subnets?.map((subnet) => [{ subnet }]);
  const routes = request.subnets?.map((subnet) => ({ dst: subnet.includes(":") ? "::/0" : "0.0.0.0/0" }));
  const ipam = ranges === undefined ? {} : { ipam: { type: "host-local", ranges, routes } };
  return {
    name: { containerId, ifname },
    netns,
    stdin: JSON.stringify({
      cniVersion: "1.1.0",
      name: request.network ?? "mynet",
      type: "ib-sriov",
      deviceID: request.vf,
      ...ipam,
      ...request.more,
      prevResult: request.prevResult && JSON.parse(encodeResult(request.prevResult, "1.1.0")),
    }),
    args: argsOf(pod),
    path: pluginPath,
    deadline: node.clock.now() + timeoutOf(request),
    warn,
    observe: unobserved,
  };
}

/** Returns the call of GC for a network; `valid` is `undefined` if the runtime sends no list. */
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
    deadline: node.clock.now() + DEFAULT_TIMEOUT,
    warn,
    observe: unobserved,
  };
}

/** Returns the environment of the plugin's process. */
export function environmentOf(pod: Pod, command: string): string[] {
  const { containerId, ifname, netns } = pod;
  return [
    "PATH=/bin",
    `CNI_COMMAND=${command}`,
    `CNI_CONTAINERID=${containerId}`,
    `CNI_IFNAME=${ifname}`,
    `CNI_NETNS=${netns}`,
    `CNI_ARGS=${argsOf(pod)}`,
    `CNI_PATH=${pluginPath}`,
  ];
}

function argsOf({ uid }: Pod): string {
  return `IgnoreUnknown=1${uid === undefined ? "" : `;K8S_POD_UID=${uid}`}`;
}
