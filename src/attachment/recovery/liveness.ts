import { messageOf } from "../../cni/error-document.ts";
import type { StepContext } from "../context.ts";
import { modeOf } from "../modes.ts";
import { holdsVf } from "../undo/has-vf.ts";
import { externalDriver } from "../vf/driver.ts";
import { hostNetdevOf } from "../vf/netdev.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";

/**
 * Returns the evidence that the container may be running with its VF; `undefined` without such evidence. An
 * attachment whose record is not complete, while no call holds the VF's lock, never got its VF. If the VF belongs to
 * another attachment, the container has already lost it.
 */
export function livenessEvidence(attachment: StepContext): string | undefined {
  const { node, record, containerNetns } = attachment;
  if (!holdsVf(attachment)) return undefined;
  if (containerNetns !== undefined) {
    const isRunning = record.state === "complete" && node.namespaces.inhabited(containerNetns);
    return isRunning ? `processes run in its namespace ${record.netns}` : undefined;
  }
  // Nothing of the attachment is left on the VF, and releasing it does not touch the VF.
  if (externalDriver(attachment) !== undefined) return undefined;
  const { hasNetdev, hasRdmaDevices } = modeOf(record);
  if (!hasRdmaDevices) {
    // A VF of a virtual machine is in no namespace.
    const isRunning = record.state === "complete" && node.functions.isOpenByVfio(record.vf.pci);
    return isRunning
      ? `its namespace ${record.netns} cannot be found, but a virtual machine may have it open`
      : undefined;
  }
  // A container can have the RDMA device of a VF without a netdev: for example if ib_ipoib was removed.
  if (!hasNetdev || !node.functions.hasNetdev(record.vf.pci)) {
    const away = rdmaDevicesAway(node, record.vf.pci);
    return away.length === 0
      ? undefined
      : `its namespace ${record.netns} cannot be found, but the host does not have the RDMA device ${away.join(", ")}`;
  }
  // A rebind would take the VF from whatever namespace it is in.
  try {
    hostNetdevOf(attachment);
    return undefined;
  } catch (error) {
    return `its namespace ${record.netns} cannot be found, but ${messageOf(error)}`;
  }
}

/**
 * Returns the evidence for a caller that has no list of the runtime's attachments. It then includes that the namespace
 * exists, because a container may have no process at this moment.
 */
export function assumedLiveness(attachment: StepContext): string | undefined {
  const { record, containerNetns } = attachment;
  if (containerNetns !== undefined && record.state === "complete" && holdsVf(attachment))
    return `its namespace ${record.netns} exists`;
  return livenessEvidence(attachment);
}
