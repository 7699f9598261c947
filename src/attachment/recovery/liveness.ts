import { messageOf } from "../../cni/error-document.ts";
import type { StepContext } from "../context.ts";
import { holdsVf } from "../undo/ownership.ts";
import { externalDriver } from "../vf/driver.ts";
import { hostNetdevOf } from "../vf/netdev.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";

/**
 * What says that the container may be alive with its VF; undefined where nothing does. One that never got it (the
 * record is not complete, and nobody holds the VF's lock) cannot miss it, and nobody one that is another's by now.
 */
export function livenessEvidence(attachment: StepContext): string | undefined {
  const { node, record, pod } = attachment;
  if (!holdsVf(attachment)) return undefined;
  if (pod !== undefined) {
    const lives = record.state === "complete" && node.namespaces.inhabited(pod);
    return lives ? `processes run in its namespace ${record.netns}` : undefined;
  }
  // Then nothing of the attachment is left on the VF, and nothing is done to the VF.
  if (externalDriver(attachment) !== undefined) return undefined;
  if (record.mode === "vfio") {
    // Nothing of it was ever in a namespace.
    const lives = record.state === "complete" && node.functions.isOpenByVfio(record.vf.pci);
    return lives
      ? `its namespace ${record.netns} cannot be found, and yet a virtual machine has it open`
      : undefined;
  }
  // A container can have the RDMA device of a VF without a netdev: for example if ib_ipoib was removed.
  if (record.mode === "rdma" || !node.functions.hasNetdev(record.vf.pci)) {
    const away = rdmaDevicesAway(node, record.vf.pci);
    return away.length === 0
      ? undefined
      : `its namespace ${record.netns} cannot be found, and yet the host has not the RDMA device ${away.join(", ")}`;
  }
  // A rebind would tear the VF out of wherever it is.
  try {
    hostNetdevOf(attachment);
    return undefined;
  } catch (error) {
    return `its namespace ${record.netns} cannot be found, and yet ${messageOf(error)}`;
  }
}

/**
 * The same for who has no list of what the runtime knows: a namespace that is there can be a container's in which
 * nothing runs at this moment.
 */
export function assumedLiveness(attachment: StepContext): string | undefined {
  const { record, pod } = attachment;
  if (pod !== undefined && record.state === "complete" && holdsVf(attachment))
    return `its namespace ${record.netns} is there`;
  return livenessEvidence(attachment);
}
