import { type Guid, sameGuid } from "../../infiniband/guid.ts";
import type { PKey } from "../../infiniband/pkey.ts";
import type { LinkSettings } from "../../node/link-settings.ts";
import type { LinkState } from "../../node/links.ts";
import type { NapiSettings } from "../../node/napi-settings.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";

// record/text.ts must write each member of these types; otherwise the record file lacks it.

/** The settings that ADD found on the node, and that undo restores. */
export interface Originals {
  /** Name of the VF's netdev in the host namespace. */
  readonly name: string;
  readonly altnames: readonly string[];
  /**
   * `mtu` and `up` are `undefined` if they are not known (the Go plugin does not record them); undo then changes
   * neither.
   */
  readonly mtu?: number | undefined;
  readonly up?: boolean | undefined;
  /**
   * Further settings of the netdev that a container can change; `undefined` in records of older versions and the Go
   * plugin.
   */
  readonly settings?: LinkSettings | undefined;
  /** Further settings that only sysfs shows; `undefined` if ADD gives the VF another GUID, and so another netdev. */
  readonly napi?: NapiSettings | undefined;
  /** IDs of the tcx programs of the netdev; `undefined` if it has no program, or if ADD gives the VF another netdev. */
  readonly tcx?: readonly number[] | undefined;
  /** The VF's own GUIDs, as its driver read them when it was bound; zero or all-ones for a missing GUID. */
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
  /** The GUIDs and the link policy that the PF had for the VF; `undefined` if they were not read or not reported. */
  readonly adminNodeGuid?: Guid | undefined;
  readonly adminPortGuid?: Guid | undefined;
  readonly linkState?: LinkState | undefined;
  /** Names of the VF's RDMA devices and of their files; `undefined` in records of older versions. */
  readonly rdma?: RdmaNames | undefined;
  /** The RDMA devices that the device information file named; `undefined` if it named none or did not exist. */
  readonly deviceInfo?: string | undefined;
  /**
   * GUIDs of earlier attachments that may still be on the VF: their records are lost, or an older version wrote this
   * record.
   */
  readonly leftGuids?: readonly Guid[] | undefined;
  /** The driver that was bound to the VF. */
  readonly driver: string;
}

/** The settings that the network configuration asks for. */
export interface Desired {
  readonly guid?: Guid | undefined;
  readonly linkState?: LinkState | undefined;
  /** Whether the container gets the VF's RDMA devices exclusively. */
  readonly rdmaIsolation?: true | undefined;
  /** MTU of the container's interface, bytes; `undefined` if it keeps the MTU that the VF has on the host. */
  readonly mtu?: number | undefined;
  /** Time limit for the carrier, ms; `undefined` if ADD does not require a carrier. */
  readonly carrierTime?: number | undefined;
  /**
   * The partition in which the VF's port must be, and the time limit for that, ms; `undefined` if ADD does not check
   * the partition.
   */
  readonly partition?: { readonly pkey: PKey; readonly time: number } | undefined;
  /** Path of the device information file, runtimeConfig.CNIDeviceInfoFile. */
  readonly deviceInfo?: string | undefined;
}

/** The name of an attachment, as the runtime gives it. */
export interface AttachmentName {
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * One attachment: the plan of ADD, which is written before the first change, and everything that undo needs.
 *
 * States: `preparing`: ADD runs, or was killed. `complete`: the container has the VF. `broken`: an undo has failed, and
 * the next call continues it.
 */
export interface AttachmentRecord extends AttachmentName {
  readonly state: "preparing" | "complete" | "broken";
  /** CNI_NETNS of ADD, and the namespace's cookie, which shows whether a namespace at that path is still the same. */
  readonly netns: string;
  readonly netnsCookie: string;
  /**
   * - "vfio": the VF is bound to vfio-pci, for a virtual machine. It has no netdev, no RDMA device, and no lease.
   * - "rdma": the VF has RDMA devices and no netdev, and so no lease.
   * - `undefined`: it has a netdev and RDMA devices.
   */
  readonly mode?: "vfio" | "rdma" | undefined;
  /** The boot of the machine in which ADD ran. No setting of a VF survives a boot. */
  readonly bootId: string;
  /** The beginning of ADD, ms since 1970. */
  readonly since: number;
  readonly vf: {
    readonly pci: string;
    readonly pf: string;
    readonly index: number;
    readonly incarnation: string;
  };
  readonly found: Originals;
  readonly wanted: Desired;
  /** The input of ADD. The call that releases the lease may have another input, or none. */
  readonly call: { readonly stdin: string; readonly args: string; readonly path: string };
}

/** Reports whether the desired GUID differs from the original GUIDs. */
export function changesGuid({ guid }: Desired, found: Pick<Originals, "nodeGuid" | "portGuid">): boolean {
  return guid !== undefined && !(sameGuid(guid, found.nodeGuid) && sameGuid(guid, found.portGuid));
}

/** Reports whether both names are of the same attachment; false if the first is `undefined`. */
export function isNamed(one: AttachmentName | undefined, other: AttachmentName): boolean {
  return one?.containerId === other.containerId && one.ifname === other.ifname;
}
