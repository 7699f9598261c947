import type { Dns, Result } from "../cni/result.ts";
import type { CniVersion } from "../cni/versions.ts";
import type { Guid } from "../infiniband/guid.ts";
import type { IpamCall } from "./ipam/ipam.ts";
import type { Limits } from "./limits.ts";
import type { AttachmentName, Desired } from "./record/record.ts";

/** What the verbs of an attachment are called with. */
export interface VerbRequest extends Limits {
  readonly name: AttachmentName;
  /** Path of the container's namespace; undefined where the runtime gives none (DEL only). */
  readonly netns: string | undefined;
  /** The network configuration as it came. */
  readonly stdin: string;
  /** CNI_ARGS. */
  readonly args: string;
  /** CNI_PATH. */
  readonly path: string;
}

/** What ADD needs besides, to answer the runtime. */
export interface ResultContext {
  readonly cniVersion: CniVersion;
  /** Of the plugins before us in the chain. */
  readonly prevResult: Result | undefined;
  /** Of the network configuration. */
  readonly dns: Dns;
}

/** What ADD is asked for. */
export interface AddRequest extends VerbRequest {
  readonly netns: string;
  /** How long a rollback may take, ms, from when it begins; {@link VerbRequest.deadline} leaves this much of the call's time. */
  readonly rollbackTime: number;
  /** May the container's namespace be the one that we run in (CNI_NETNS_OVERRIDE)? */
  readonly ownNetnsAllowed: boolean;
  /** PCI address of the VF. */
  readonly deviceID: string;
  /** Must the VF be bound to vfio-pci? One that is is handed to a virtual machine in any case. */
  readonly vfioPciMode: true | undefined;
  /** Has the VF no netdev, and is that how it shall be? */
  readonly rdmaOnly: true | undefined;
  /** "auto": the VF's own where it has one, else one that is derived for it and stays; undefined: the VF's own. */
  readonly guid: Guid | "auto" | undefined;
  /** What else is to be set. */
  readonly wanted: Omit<Desired, "guid">;
  readonly reply: ResultContext;
}

/** What DEL is asked for. */
export interface DelRequest extends VerbRequest {
  /** May the container's namespace be the one that we run in (CNI_NETNS_OVERRIDE)? */
  readonly ownNetnsAllowed: boolean;
  /** PCI address of the VF, as the network configuration has it; undefined where it has none that is one. */
  readonly deviceID: string | undefined;
  /** Has the VF no netdev, and is that how it shall be? */
  readonly rdmaOnly: true | undefined;
  /** How the configuration's IPAM plugin is called; undefined where there is none. */
  readonly ipam: IpamCall | undefined;
}

/** What CHECK is asked for. */
export interface CheckRequest extends VerbRequest {
  readonly netns: string;
  /** What ADD told the runtime. */
  readonly prevResult: Result;
  /** How the configuration's IPAM plugin is called; undefined where there is none. */
  readonly ipam: IpamCall | undefined;
}

/** What STATUS is asked for: not an attachment, but whether one could be made. */
export interface StatusRequest extends Limits {
  readonly cniVersion: CniVersion;
  /** Shall containers have the RDMA devices of their VFs, and nobody else? */
  readonly rdmaIsolation: boolean;
  /** How the network's IPAM plugin is called; undefined where there is none. */
  readonly ipam: IpamCall | undefined;
}

/** What GC is asked for. */
export interface GcRequest extends Limits {
  /** The network's name. */
  readonly network: string;
  /** The attachments that the runtime knows; undefined where it does not say. */
  readonly valid: readonly AttachmentName[] | undefined;
  /** How the network's IPAM plugin is called; undefined where there is none. */
  readonly ipam: IpamCall | undefined;
}
