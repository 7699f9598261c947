import { CniError, codes } from "../../cni/errors.ts";
import type { Step } from "../attachment.ts";
import { otherGuid } from "../guid-pair.ts";
import { changesGuid } from "../record.ts";
import { giveGuidsBack, setGuids } from "../set-guids.ts";

/**
 * The GUIDs of a VF that is handed to a virtual machine (vfio-pci): those that its PF has on file, which the driver in
 * the machine takes over when it binds. Nothing on the host has to be bound anew.
 */
export const adminGuid: Step = {
  name: "GUID",

  apply(attachment) {
    const { guid } = attachment.record.wanted;
    const { node, port } = attachment.effective;
    if (guid === undefined || (node === guid && port === guid)) return;
    setGuids(attachment, guid, guid);
  },

  undo(attachment) {
    const { wanted, found } = attachment.record;
    if (changesGuid(wanted, found)) giveGuidsBack(attachment);
  },

  verify({ record, vfConfig }) {
    const { guid } = record.wanted;
    if (guid === undefined) return;
    const { nodeGuid, portGuid } = vfConfig();
    const other = otherGuid({ node: nodeGuid, port: portGuid }, guid);
    if (other === undefined) return;
    throw new CniError(
      codes.node,
      `the ${other.kind} GUID that PF ${record.vf.pf} has for VF ${record.vf.pci} is ${other.found}, not ${guid}`,
    );
  },
};
