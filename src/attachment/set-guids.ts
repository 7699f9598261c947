import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../infiniband/guid.ts";
import type { VfConfig } from "../node/links.ts";
import type { Attachment } from "./attachment.ts";
import { attempt } from "./failure.ts";
import { changesGuid } from "./record.ts";

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

/**
 * Sets back each GUID at the PF that is still the container's, for a VF that another driver has: a GUID names one
 * container, so such a value is nobody else's. It has no effect on the VF before that driver is bound again. The link
 * state stays: the other program may rely on it, and its value does not say who set it.
 * @param unknown what happens to GUIDs that the kernel cannot tell.
 */
export function withdrawGuids(
  { node, record, pf, vfConfig, warn }: Attachment,
  unknown: "leave" | "set",
): void {
  const { found, wanted, vf } = record;
  const given = [...(changesGuid(wanted, found) ? [wanted.guid] : []), ...(found.leftGuids ?? [])];
  if (given.length === 0) return;
  const admin = attempt(`read the GUIDs of VF ${vf.pci} from its PF`, () => vfConfig());
  const isKnown = admin.nodeGuid !== undefined && admin.portGuid !== undefined;
  if (!isKnown && unknown === "leave")
    warn(`the kernel cannot tell which GUIDs PF ${vf.pf} has for VF ${vf.pci}; they are left as they are`);
  const isGiven = (guid: Guid | undefined) => (isKnown ? given.includes(guid) : unknown === "set");
  const withdrawn = {
    ...(isGiven(admin.nodeGuid) ? { nodeGuid: original(found.nodeGuid, found.adminNodeGuid) } : {}),
    ...(isGiven(admin.portGuid) ? { portGuid: original(found.portGuid, found.adminPortGuid) } : {}),
  };
  if (Object.keys(withdrawn).length === 0) return;
  attempt(`set the GUIDs that PF ${vf.pf} has for VF ${vf.pci} back`, () =>
    node.links.setVfConfig(pf().index, vf.index, withdrawn),
  );
}

/** Returns what the PF had for the VF; if that was no GUID or is not known, the one that the VF ran with. */
function original(effective: Guid, admin: Guid | undefined): Guid {
  return admin !== undefined && isUsableGuid(admin) ? admin : restored(effective);
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
