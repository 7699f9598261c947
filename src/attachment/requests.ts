import type { Dns, Result } from "../cni/result.ts";
import type { CniVersion } from "../cni/versions.ts";
import type { Guid } from "../infiniband/guid.ts";
import type { IpamCall } from "./ipam/ipam.ts";
import type { Limits } from "./limits.ts";
import type { Settings } from "./record/desired.ts";
import type { AttachmentName } from "./record/record.ts";

/** The request of a verb for an attachment. */
export interface VerbRequest extends Limits {
  readonly name: AttachmentName;
  /** Path of the container's namespace; `undefined` if the runtime does not name it (DEL only). */
  readonly netns: string | undefined;
  /** The text of the network configuration. */
  readonly stdin: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
}

/** Values of the request that the result of ADD needs. */
export interface ResultContext {
  readonly cniVersion: CniVersion;
  /** The result of the previous plugin in the chain. */
  readonly prevResult: Result | undefined;
  /** DNS settings of the network configuration. */
  readonly dns: Dns;
}

/** The request of an ADD. */
export interface AddRequest extends VerbRequest {
  readonly netns: string;
  /**
   * Time limit for a rollback from its beginning, ms; {@link VerbRequest.deadline} leaves this much of the call's time.
   */
  readonly rollbackTime: number;
  /** Whether the container's namespace may be that of this process (CNI_NETNS_OVERRIDE). */
  readonly ownNetnsAllowed: boolean;
  /** PCI address of the VF. */
  readonly deviceID: string;
  /** Requires that the VF is bound to vfio-pci. Without it, a VF that is bound to vfio-pci is attached, too. */
  readonly vfioPciMode: true | undefined;
  /** Requires that the VF has no netdev. */
  readonly rdmaOnly: true | undefined;
  /**
   * "auto": the VF's own GUID, or, if that is not valid, a derived one, which stays; `undefined`: the VF's own GUID.
   */
  readonly guid: Guid | "auto" | undefined;
  readonly settings: Settings;
  readonly reply: ResultContext;
}

/** The request of a DEL. */
export interface DelRequest extends VerbRequest {
  /** Whether the container's namespace may be that of this process (CNI_NETNS_OVERRIDE). */
  readonly ownNetnsAllowed: boolean;
  /** PCI address of the VF in the network configuration; `undefined` if it has no valid one. */
  readonly deviceID: string | undefined;
  /** The GUID that the call names for the VF; `undefined` if it names none, or leaves the choice to the plugin. */
  readonly guid: Guid | undefined;
  /** Whether the VF is meant to have no netdev. */
  readonly rdmaOnly: true | undefined;
  /** How the configuration's IPAM plugin is called; `undefined` if it has no IPAM plugin. */
  readonly ipam: IpamCall | undefined;
}

/** The request of a CHECK. */
export interface CheckRequest extends VerbRequest {
  readonly netns: string;
  /** The result that ADD gave to the runtime. */
  readonly prevResult: Result;
  /** How the configuration's IPAM plugin is called; `undefined` if it has no IPAM plugin. */
  readonly ipam: IpamCall | undefined;
}

/** The request of a STATUS, which is about the node and not about an attachment. */
export interface StatusRequest extends Limits {
  readonly cniVersion: CniVersion;
  /** Whether each container is to have its VF's RDMA devices alone. */
  readonly rdmaIsolation: boolean;
  /** How the network's IPAM plugin is called; `undefined` if it has no IPAM plugin. */
  readonly ipam: IpamCall | undefined;
}

/** The request of a GC. */
export interface GcRequest extends Limits {
  /** The network's name. */
  readonly network: string;
  /** The attachments that the runtime lists; `undefined` if it gives no list. */
  readonly valid: readonly AttachmentName[] | undefined;
  /** How the network's IPAM plugin is called; `undefined` if it has no IPAM plugin. */
  readonly ipam: IpamCall | undefined;
}
