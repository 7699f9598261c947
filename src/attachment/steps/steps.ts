import type { Step, StepContext } from "../context.ts";
import { modeOf, type StepName } from "../modes.ts";
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

/** The steps by the names in the table of modes. */
export const steps: Readonly<Record<StepName, Step>> = {
  hostNetdev,
  lease,
  linkState,
  guid,
  adminGuid,
  partition,
  rdmaDevice,
  deviceInfo,
  netdevSettings,
  netInterface,
  carrier,
  addresses,
  rdmaOnly,
  vfioDriver,
};

/** Returns the steps that ADD applies and CHECK verifies, in their order (modes.ts). */
export function stepsOf(attachment: StepContext): readonly Step[] {
  return neededSteps(attachment, modeOf(attachment.record).apply);
}

/** Returns the steps that undo an attachment, in their order (modes.ts). */
export function undoStepsOf(attachment: StepContext): readonly Step[] {
  return neededSteps(attachment, modeOf(attachment.record).undo);
}

function neededSteps(attachment: StepContext, names: readonly StepName[]): readonly Step[] {
  return names.map((name) => steps[name]).filter((step) => isNeeded(attachment, step));
}

/** Reports whether an attachment needs a step. */
export function isNeeded(attachment: StepContext, step: Step): boolean {
  return step.isNeeded?.(attachment) ?? true;
}
