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

/**
 * The steps of an attachment, in the order of ADD. The lease comes early: the IPAM plugin runs while ADD prepares the
 * VF.
 */
export const allSteps: readonly Step[] = [
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
];

/**
 * Returns the steps of an attachment of a function that is bound to vfio-pci: the function has no devices on the host.
 * A PF has no link policy and no administrative GUIDs, because only VFs have a PF that sets them.
 */
function vfioSteps({ vf }: AttachmentRecord): readonly Step[] {
  return isPhysical(vf) ? [vfioDriver] : [linkState, adminGuid, vfioDriver];
}

/** The steps of an attachment of a VF that has no netdev. */
const rdmaSteps: readonly Step[] = [linkState, guid, partition, rdmaDevice, deviceInfo, rdmaOnly];

/** Returns the steps that an attachment needs, in the order of ADD. */
export function stepsOf(attachment: StepContext): readonly Step[] {
  const { record } = attachment;
  const { mode } = record;
  const all = mode === "rdma" ? rdmaSteps : mode === "vfio" ? vfioSteps(record) : allSteps;
  return neededOf(attachment, all);
}

/** Returns those of the given steps that an attachment needs. */
export function neededOf(attachment: StepContext, steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => step.isNeeded?.(attachment) ?? true);
}
