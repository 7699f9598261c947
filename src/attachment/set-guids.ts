import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../infiniband/guid.ts";
import type { VfConfig } from "../node/links.ts";
import type { Attachment } from "./attachment.ts";
import { attempt } from "./failure.ts";

/** Sets the GUIDs of the VF at its PF. */
export function setGuids({ node, record, pf }: Attachment, nodeGuid: Guid, portGuid: Guid): void {
  const both = nodeGuid === portGuid ? nodeGuid : `${nodeGuid} (node) and ${portGuid} (port)`;
  attempt(`set the GUIDs of VF ${record.vf.pci} to ${both}`, () =>
    node.links.setVfConfig(pf().index, record.vf.index, { nodeGuid, portGuid }),
  );
}

/**
 * Sets at the PF the GUIDs that were found, unless they are there.
 * @returns false where they were left as they are, since somebody else has set them meanwhile.
 */
export function giveGuidsBack(attachment: Attachment): boolean {
  const { record, vfConfig, warn } = attachment;
  const { pci } = record.vf;
  const admin = attempt(`read the GUIDs of VF ${pci} from its PF`, () => vfConfig());
  if (isSomebodyElses(attachment, admin)) {
    warn(
      `the GUIDs of VF ${pci} were changed to ${admin.nodeGuid} and ${admin.portGuid} meanwhile; left as they are`,
    );
    return false;
  }
  const nodeGuid = restored(record.found.nodeGuid);
  const portGuid = restored(record.found.portGuid);
  if (admin.nodeGuid !== nodeGuid || admin.portGuid !== portGuid) setGuids(attachment, nodeGuid, portGuid);
  return true;
}

/** Has somebody set GUIDs at the PF that are neither ours nor what we would put back? */
function isSomebodyElses({ record }: Attachment, admin: VfConfig): boolean {
  const { found, wanted } = record;
  const known = [
    wanted.guid,
    restored(found.nodeGuid),
    restored(found.portGuid),
    found.adminNodeGuid,
    found.adminPortGuid,
    found.nodeGuid,
    found.portGuid,
    ...(found.leftGuids ?? []),
  ];
  return [admin.nodeGuid, admin.portGuid].every((guid) => guid !== undefined && !known.includes(guid));
}

/**
 * What is set to give a GUID back: all-ones where there was none. A zero would have the SR-IOV Network
 * Operator drain the node (its NeedToUpdateSriov), all-ones it leaves alone.
 */
function restored(guid: Guid): Guid {
  return isUsableGuid(guid) ? guid : ALL_ONES_GUID;
}
