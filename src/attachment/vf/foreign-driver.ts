import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** A driver that another program has chosen for a VF. */
export interface ForeignDriver {
  readonly name: string;
  /** Whether the VF is bound to this driver. If false, it has no driver, and is reserved for this one (`driver_override`). */
  readonly isBound: boolean;
}

/**
 * The driver of an attachment's VF:
 * - "recorded": the driver of the record;
 * - "none": no driver, which is the state after a killed rebind;
 * - a foreign driver. The VF then no longer belongs to the attachment. To unbind this driver would take the VF from
 *   the program that chose the driver. If that program is a virtual machine, the unbind would also not return: vfio-pci
 *   waits until the machine closes the VF.
 */
export type VfDriver = "recorded" | "none" | ForeignDriver;

/** Returns which driver an attachment's VF has. */
export function vfDriver(node: Node, { vf, originals }: AttachmentRecord): VfDriver {
  const bound = node.functions.driver(vf.pci);
  if (bound === originals.driver) return "recorded";
  if (bound !== undefined) return { name: bound, isBound: true };
  const reserved = node.functions.driverOverride(vf.pci);
  return reserved === undefined || reserved === originals.driver
    ? "none"
    : { name: reserved, isBound: false };
}

/** Returns the foreign driver of an attachment's VF; `undefined` if it has the recorded driver or no driver. */
export function foreignDriver({ node, record }: StepContext): ForeignDriver | undefined {
  const driver = vfDriver(node, record);
  return typeof driver === "string" ? undefined : driver;
}

/** Describes a VF with a foreign driver: "VF 0000:03:00.2 is bound to vfio-pci, not to mlx5_core". */
export function describeForeignDriver(
  { vf, originals }: AttachmentRecord,
  { name, isBound }: ForeignDriver,
): string {
  return isBound
    ? `VF ${vf.pci} is bound to ${name}, not to ${originals.driver}`
    : `VF ${vf.pci} has no driver, and its driver_override is ${name}, not ${originals.driver}`;
}

/**
 * Returns whether the recorded driver is bound to the VF, or no driver.
 * @throws {CniError} if the VF has a foreign driver.
 */
export function requireOwnDriver({ node, record }: StepContext): "recorded" | "none" {
  const driver = vfDriver(node, record);
  if (typeof driver === "string") return driver;
  throw new CniError(
    codes.node,
    `bind VF ${record.vf.pci} to ${record.originals.driver} again: ${describeForeignDriver(record, driver)}, since this call ` +
      "began; the VF is left to that driver",
  );
}
