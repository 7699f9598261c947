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

/** The steps of an attachment, in the order of ADD. The lease is begun early: it is made while the VF is prepared. */
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

/** The steps of an attachment of what is bound to vfio-pci: it has no devices on the host, and a PF has nobody above it. */
function vfioSteps({ vf }: AttachmentRecord): readonly Step[] {
  return isPhysical(vf) ? [vfioDriver] : [linkState, adminGuid, vfioDriver];
}

/** The steps of an attachment of a VF that has no netdev. */
const rdmaSteps: readonly Step[] = [linkState, guid, partition, rdmaDevice, deviceInfo, rdmaOnly];

/** The steps that an attachment needs, in the order of ADD. */
export function stepsOf(attachment: StepContext): readonly Step[] {
  const { record } = attachment;
  const { mode } = record;
  const all = mode === "rdma" ? rdmaSteps : mode === "vfio" ? vfioSteps(record) : allSteps;
  return neededOf(attachment, all);
}

/** Those of some steps that an attachment needs. */
export function neededOf(attachment: StepContext, steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => step.isNeeded?.(attachment) ?? true);
}
