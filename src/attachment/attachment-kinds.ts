import type { SettingName } from "./record/desired.ts";

/**
 * How a container gets a function:
 * - "netdev": with its netdev and its RDMA devices;
 * - "rdma": a VF without a netdev, with its RDMA devices;
 * - "vfio": a VF that is bound to vfio-pci, for a virtual machine;
 * - "vfio-pf": a whole PF that is bound to vfio-pci.
 *
 * steps/order.ts has the steps of each kind.
 */
export type AttachmentKind = "netdev" | "rdma" | "vfio" | "vfio-pf";

/** The properties of a kind of attachment. */
interface KindProperties {
  /** The settings of the network that ADD refuses, because nothing of the function could have them. */
  readonly refused: readonly SettingName[];
  /**
   * Whether the function has a netdev, which becomes the container's interface. Only then is an IPAM plugin called. The
   * result of ADD names an interface for every kind, see resultOfAdd.
   */
  readonly hasNetdev: boolean;
  /** Whether the function has RDMA devices; false for a function that is bound to vfio-pci. */
  readonly hasRdmaDevices: boolean;
}

const refusedByVfio = ["rdmaIsolation", "mtu", "carrierTime", "partition"] as const;

/** The kinds of attachments. */
export const kinds: Readonly<Record<AttachmentKind, KindProperties>> = {
  netdev: { refused: [], hasNetdev: true, hasRdmaDevices: true },
  rdma: { refused: ["mtu", "carrierTime"], hasNetdev: false, hasRdmaDevices: true },
  vfio: { refused: refusedByVfio, hasNetdev: false, hasRdmaDevices: false },
  "vfio-pf": { refused: refusedByVfio, hasNetdev: false, hasRdmaDevices: false },
};

/** Returns the properties of an attachment's kind. */
export function propertiesOf({ kind }: { readonly kind: AttachmentKind }): KindProperties {
  return kinds[kind];
}
