import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Step, StepContext } from "../context.ts";
import { otherGuid } from "../record/guid-pair.ts";
import { changesGuid } from "../record/record.ts";
import {
  type AdminGuids,
  desiredGuids,
  mayHaveStaleGuids,
  restoreAdminGuids,
  setGuids,
} from "../vf/admin-guids.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";

/**
 * Sets the administrative GUIDs of a VF of a virtual machine (vfio-pci). The driver in the machine reads them when it
 * binds, so no rebind is necessary on the host.
 */
export const adminGuid = {
  name: "GUID",

  apply(attachment) {
    const desired = desiredGuids(attachment.record);
    const { node, port } = attachment.effective;
    if (desired === undefined || (node === desired.node && port === desired.port)) return;
    setGuids(attachment, desired.node, desired.port);
  },

  undo(attachment) {
    const { record } = attachment;
    if (!changesGuid(record.desired, record.originals) && !mayHaveStaleGuids(record)) return;
    requireReplaced(attachment, restoreAdminGuids(attachment));
  },

  verify({ record, vfConfig }) {
    const { guid } = record.desired;
    if (guid === undefined) return;
    const { nodeGuid, portGuid } = vfConfig();
    const other = otherGuid({ node: nodeGuid, port: portGuid }, { node: guid, port: guid });
    if (other === undefined) return;
    throw new CniError(
      codes.node,
      `the ${other.kind} GUID that PF ${record.vf.pf} has for VF ${record.vf.pci} is ${other.found}, not ${guid}`,
    );
  },
} satisfies Step;

/** @throws {CniError} if the PF still has the container's GUID, which would take effect with the VF's next driver. */
function requireReplaced({ node, record }: StepContext, target: AdminGuids): void {
  const { vf, desired } = record;
  const { nodeGuid, portGuid } = new PhysicalFunction(node, vf.pf, vf.index).vf;
  const isStale = (now: Guid | undefined, set: Guid) => now === desired.guid && now !== set;
  if (desired.guid === undefined || !(isStale(nodeGuid, target.node) || isStale(portGuid, target.port)))
    return;
  throw new CniError(
    codes.node,
    `restore the GUIDs of VF ${vf.pci}: PF ${vf.pf} still has ${nodeGuid} (node) and ${portGuid} (port) after it ` +
      "accepted other GUIDs; see dmesg, then call DEL again",
  );
}
