import type { AttachmentKind } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
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

/** The steps of one kind of attachment. */
interface StepOrder {
  /** The steps in the order of ADD; CHECK verifies them. */
  readonly apply: readonly Step[];
  /** The steps in the order of undo: the reverse of ADD, except if a comment gives the reason. */
  readonly undo: readonly Step[];
}

/** The only table of what ADD applies and what DEL, GC, rollback and every other restore undo, and in which order. */
export const order: Readonly<Record<AttachmentKind, StepOrder>> = {
  netdev: {
    apply: [
      // Early: the IPAM plugin runs while ADD prepares the VF.
      lease,
      linkState,
      guid,
      partition,
      rdmaDevice,
      deviceInfo,
      netInterface,
      carrier,
      addresses,
    ],
    undo: [
      // First: its rebind returns all devices of the VF to the host, and the interface then has nothing left to do. If
      // the rebind fails, the interface still finds the netdev, wherever it is.
      guid,
      // Before the interface: when the RDMA device moves, the kernel removes the netdev and creates it again.
      rdmaDevice,
      deviceInfo,
      // Before the interface: while it is up, the port can be taken down in order.
      linkState,
      netInterface,
      // These two restore what only a container changes, and need the netdev on the host.
      netdevSettings,
      hostNetdev,
      // Last: an address may be given to another container only when no netdev has it any more.
      lease,
    ],
  },
  rdma: {
    apply: [linkState, guid, partition, rdmaDevice, deviceInfo, rdmaOnly],
    // As for a netdev.
    undo: [guid, rdmaDevice, deviceInfo, linkState],
  },
  vfio: {
    apply: [linkState, adminGuid, vfioDriver],
    undo: [adminGuid, linkState],
  },
  // A PF keeps its own GUID and link state, which nothing on the host can set.
  "vfio-pf": {
    apply: [deviceInfo, vfioDriver],
    undo: [deviceInfo],
  },
};

/** Returns the steps that ADD applies and CHECK verifies, in their order. */
export function stepsOf(attachment: StepContext): readonly Step[] {
  return order[attachment.record.kind].apply.filter((step) => isNeeded(attachment, step));
}

/** Returns the steps that undo an attachment, in their order. */
export function undoStepsOf(attachment: StepContext): readonly Step[] {
  return order[attachment.record.kind].undo.filter((step) => isNeeded(attachment, step));
}

/** Reports whether an attachment needs a step. */
export function isNeeded(attachment: StepContext, step: Step): boolean {
  return step.isNeeded?.(attachment) ?? true;
}
