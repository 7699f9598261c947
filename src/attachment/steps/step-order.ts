import { isPhysical } from "../../node/pci-functions.ts";
import type { Step, StepContext } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { addresses } from "./addresses.ts";
import { adminGuid } from "./admin-guid.ts";
import { carrier } from "./carrier.ts";
import { deviceInfo } from "./device-info.ts";
import { guid } from "./guid.ts";
import { hostNetdev } from "./host-netdev.ts";
import { netInterface } from "./interface.ts";
import { lease } from "./lease.ts";
import { linkState } from "./link-state.ts";
import { netdevSettings } from "./netdev-settings.ts";
import { rdmaOnly, vfioDriver } from "./no-interface.ts";
import { partition } from "./partition.ts";
import { rdmaDevice } from "./rdma-device.ts";

/** How a container gets a function. */
export type Mode = "netdev" | "rdma" | "vfio" | "vfio-pf";

/** The steps of a mode, in the order of ADD, and those that change the node in the order of undo. */
interface ModeSteps {
  readonly apply: readonly Step[];
  readonly undo: readonly Step[];
}

/**
 * The steps of each mode. In ADD, the lease comes early: the IPAM plugin runs while ADD prepares the VF.
 *
 * The order of undo differs from the reverse of ADD:
 * - The GUIDs come first, because their rebind returns all of the VF's devices to the host, and the interface then has
 *   nothing left to do. If the rebind fails, the interface still finds the netdev, wherever it is.
 * - The link state comes before the interface: while the interface is up, the port can be taken down in order.
 * - The lease comes last.
 */
export const modes: Readonly<Record<Mode, ModeSteps>> = {
  /** The VF's netdev, and with rdmaIsolation its RDMA device, are in the container. */
  netdev: {
    apply: [
      hostNetdev,
      lease,
      linkState,
      guid,
      partition,
      rdmaDevice,
      deviceInfo,
      netdevSettings,
      netInterface,
      carrier,
      addresses,
    ],
    undo: [guid, rdmaDevice, deviceInfo, linkState, netInterface, netdevSettings, hostNetdev, lease],
  },
  /** The VF has an RDMA device, and no netdev. */
  rdma: {
    apply: [linkState, guid, partition, rdmaDevice, deviceInfo, rdmaOnly],
    undo: [guid, rdmaDevice, deviceInfo, linkState],
  },
  /** The VF is bound to vfio-pci, and so has no devices on the host. */
  vfio: {
    apply: [linkState, adminGuid, vfioDriver],
    undo: [vfioDriver, adminGuid, linkState],
  },
  /** A whole PF that is bound to vfio-pci. Only VFs have a PF that sets link policies and GUIDs. */
  "vfio-pf": { apply: [vfioDriver], undo: [vfioDriver] },
};

/** Returns the mode of an attachment. */
export function modeOf({ mode, vf }: AttachmentRecord): Mode {
  if (mode === "vfio" && isPhysical(vf)) return "vfio-pf";
  return mode ?? "netdev";
}

/** Returns the steps that an attachment needs, in the order of ADD. */
export function stepsOf(attachment: StepContext): readonly Step[] {
  return neededOf(attachment, modes[modeOf(attachment.record)].apply);
}

/** Returns those of the given steps that an attachment needs. */
export function neededOf(attachment: StepContext, steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => step.isNeeded?.(attachment) ?? true);
}
