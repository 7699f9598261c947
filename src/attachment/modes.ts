import type { SettingName } from "./record/desired.ts";

/**
 * How a container gets a function:
 * - "netdev": with its netdev and its RDMA devices;
 * - "rdma": a VF without a netdev, with its RDMA devices;
 * - "vfio": a VF that is bound to vfio-pci, for a virtual machine;
 * - "vfio-pf": a whole PF that is bound to vfio-pci.
 */
export type Mode = "netdev" | "rdma" | "vfio" | "vfio-pf";

/** The steps (steps/steps.ts). */
export type StepName =
  | "hostNetdev"
  | "lease"
  | "linkState"
  | "guid"
  | "adminGuid"
  | "partition"
  | "rdmaDevice"
  | "deviceInfo"
  | "netdevSettings"
  | "netInterface"
  | "carrier"
  | "addresses"
  | "rdmaOnly"
  | "vfioDriver";

/** The properties of a mode. */
interface ModeProperties {
  /** The steps in the order of ADD; CHECK verifies them. */
  readonly apply: readonly StepName[];
  /** The steps in the order of undo; with those that restore what only a container changes. */
  readonly undo: readonly StepName[];
  /** The settings of the network that ADD refuses, because nothing of the function could have them. */
  readonly refused: readonly SettingName[];
  /**
   * Whether the function has a netdev, which becomes the container's interface. Only then is an IPAM plugin called. The
   * result of ADD names an interface in every mode, see resultOfAdd.
   */
  readonly hasNetdev: boolean;
  /** Whether the function has RDMA devices; false for a function that is bound to vfio-pci. */
  readonly hasRdmaDevices: boolean;
}

/**
 * The modes. In ADD, the lease comes early: the IPAM plugin runs while ADD prepares the VF.
 *
 * The order of undo differs from the reverse of ADD:
 * - The GUIDs come first, because their rebind returns all of the VF's devices to the host, and the interface then has
 *   nothing left to do. If the rebind fails, the interface still finds the netdev, wherever it is.
 * - The link state comes before the interface: while the interface is up, the port can be taken down in order.
 * - The lease comes last.
 */
export const modes: Readonly<Record<Mode, ModeProperties>> = {
  netdev: {
    apply: [
      "lease",
      "linkState",
      "guid",
      "partition",
      "rdmaDevice",
      "deviceInfo",
      "netInterface",
      "carrier",
      "addresses",
    ],
    undo: [
      "guid",
      "rdmaDevice",
      "deviceInfo",
      "linkState",
      "netInterface",
      "netdevSettings",
      "hostNetdev",
      "lease",
    ],
    refused: [],
    hasNetdev: true,
    hasRdmaDevices: true,
  },
  rdma: {
    apply: ["linkState", "guid", "partition", "rdmaDevice", "deviceInfo", "rdmaOnly"],
    undo: ["guid", "rdmaDevice", "deviceInfo", "linkState"],
    refused: ["mtu", "carrierTime"],
    hasNetdev: false,
    hasRdmaDevices: true,
  },
  vfio: {
    apply: ["linkState", "adminGuid", "vfioDriver"],
    undo: ["adminGuid", "linkState"],
    refused: ["rdmaIsolation", "mtu", "carrierTime", "partition"],
    hasNetdev: false,
    hasRdmaDevices: false,
  },
  // A PF keeps its own GUID and link state, which nothing on the host can set.
  "vfio-pf": {
    apply: ["deviceInfo", "vfioDriver"],
    undo: ["deviceInfo"],
    refused: ["rdmaIsolation", "mtu", "carrierTime", "partition"],
    hasNetdev: false,
    hasRdmaDevices: false,
  },
};

/** Returns the properties of an attachment's mode. */
export function modeOf({ mode }: { readonly mode: Mode }): ModeProperties {
  return modes[mode];
}
