import { type Guid, sameGuid } from "../../infiniband/guid.ts";
import type { PKey } from "../../infiniband/pkey.ts";
import type { LinkSettings } from "../../node/link-settings.ts";
import type { LinkState } from "../../node/links.ts";
import type { NapiSettings } from "../../node/napi-settings.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";

// Each member that these types have is written in record-text.ts, or it would be forgotten.

/** What ADD found on the node, and what undo puts back. */
export interface Originals {
  /** Name of the VF's netdev in the host's namespace. */
  readonly name: string;
  readonly altnames: readonly string[];
  /** These two are undefined where nobody knows (the Go plugin does not note them): what is there stays then. */
  readonly mtu?: number | undefined;
  readonly up?: boolean | undefined;
  /** What else a container can change on the netdev; undefined in records of older versions and of the Go plugin. */
  readonly settings?: LinkSettings | undefined;
  /** The same of what sysfs alone shows; not read if ADD gives the VF another GUID, and with it another netdev. */
  readonly napi?: NapiSettings | undefined;
  /** IDs of the tcx programs of the netdev; undefined if it has none, or ADD gives the VF another netdev. */
  readonly tcx?: readonly number[] | undefined;
  /** The VF's own GUIDs, as its driver latched them; zero or all-ones where there was none. */
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
  /** What the PF had on file for the VF; undefined where it was not asked or could not tell. */
  readonly adminNodeGuid?: Guid | undefined;
  readonly adminPortGuid?: Guid | undefined;
  readonly linkState?: LinkState | undefined;
  /** Names of the VF's RDMA devices and of their files; undefined in records that an older version wrote. */
  readonly rdma?: RdmaNames | undefined;
  /** The RDMA devices that the device information file named; undefined where it named none, or there was none. */
  readonly deviceInfo?: string | undefined;
  /** GUIDs of earlier attachments that may still be on the VF: their records are lost, or an older version wrote this one. */
  readonly leftGuids?: readonly Guid[] | undefined;
  /** The driver that was bound to the VF. */
  readonly driver: string;
}

/** What ADD was asked to set on the VF. */
export interface Desired {
  readonly guid?: Guid | undefined;
  readonly linkState?: LinkState | undefined;
  /** Shall the container have the VF's RDMA devices, and nobody else? */
  readonly rdmaIsolation?: true | undefined;
  /** Of the container's interface, bytes; undefined: the one that the VF has on the host. */
  readonly mtu?: number | undefined;
  /** How long ADD waits for a carrier, ms; undefined: it needs none. */
  readonly carrierTime?: number | undefined;
  /**
   * The partition in which the VF's port must be, and how long ADD waits for that, ms; undefined: nothing on the node
   * depends on it.
   */
  readonly partition?: { readonly pkey: PKey; readonly time: number } | undefined;
  /** Path of the device information file, runtimeConfig.CNIDeviceInfoFile. */
  readonly deviceInfo?: string | undefined;
}

/** Names one attachment, as the runtime does. */
export interface AttachmentName {
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * One attachment: the plan of ADD, written before its first change, and all that undo needs.
 *
 * `preparing`: ADD is at work, or was killed. `complete`: the container has the VF. `broken`: an undo did not
 * succeed; whoever comes next begins where it stopped.
 */
export interface AttachmentRecord extends AttachmentName {
  readonly state: "preparing" | "complete" | "broken";
  /** CNI_NETNS of ADD, and what proves that a namespace found there later is the same one. */
  readonly netns: string;
  readonly netnsCookie: string;
  /**
   * "vfio": the VF is bound to vfio-pci, for a virtual machine; it has no netdev, no RDMA device, and no lease.
   * "rdma": it has RDMA devices and no netdev, and so no lease. undefined: it has both.
   */
  readonly mode?: "vfio" | "rdma" | undefined;
  /** The boot of the machine in which it was made: nothing on a VF outlives that. */
  readonly bootId: string;
  /** ms since 1970. */
  readonly since: number;
  readonly vf: {
    readonly pci: string;
    readonly pf: string;
    readonly index: number;
    readonly incarnation: string;
  };
  readonly found: Originals;
  readonly wanted: Desired;
  /** What ADD was called with: releasing its lease may fall to somebody who is not called with it. */
  readonly call: { readonly stdin: string; readonly args: string; readonly path: string };
}

/** Is the GUID that is wanted another one than those that were found? */
export function changesGuid({ guid }: Desired, found: Pick<Originals, "nodeGuid" | "portGuid">): boolean {
  return guid !== undefined && !(sameGuid(guid, found.nodeGuid) && sameGuid(guid, found.portGuid));
}

/** Do both name the same attachment? Nobody is nobody's. */
export function isNamed(one: AttachmentName | undefined, other: AttachmentName): boolean {
  return one?.containerId === other.containerId && one.ifname === other.ifname;
}
