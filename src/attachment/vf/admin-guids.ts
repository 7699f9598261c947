import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import type { StepContext } from "../context.ts";
import { type AttachmentRecord, changesGuid, type Originals } from "../record/record.ts";

/** Node and port GUID that are set at a PF for a VF. A rebind of the VF puts them into effect. */
export interface AdminGuids {
  readonly node: Guid;
  readonly port: Guid;
}

/**
 * Returns the GUIDs that the VF must run with: the container's, or the VF's own GUIDs if the VF may still run with the
 * GUID of an earlier attachment; `undefined` if the VF keeps its GUIDs.
 */
export function desiredGuids(record: AttachmentRecord): AdminGuids | undefined {
  const { guid } = record.desired;
  if (guid !== undefined) return { node: guid, port: guid };
  return mayHaveStaleGuids(record) ? originalAdminGuids(record.originals) : undefined;
}

/** Reports whether a GUID of an earlier attachment may be in effect, according to the record. */
export function mayHaveStaleGuids({ staleGuids = [] }: AttachmentRecord): boolean {
  return staleGuids.length > 0;
}

/** Sets the VF's administrative GUIDs: those that its PF has for it, and with which the VF runs after the next rebind. */
export function setGuids({ node, record, pf }: StepContext, nodeGuid: Guid, portGuid: Guid): void {
  node.links.setVfConfig(pf().index, record.vf.index, { nodeGuid, portGuid });
}

/**
 * Restores the original administrative GUIDs. A GUID stays if the administrator, or another program, has set it since ADD:
 * it is then neither an original nor a GUID of the plugin.
 * @returns the GUIDs that the PF has afterwards.
 */
export function restoreAdminGuids(attachment: StepContext): AdminGuids {
  const { record, vfConfig, warn } = attachment;
  const { pci } = record.vf;
  const admin = vfConfig();
  const originals = originalAdminGuids(record.originals);
  const node = isSetByOther(record, admin.nodeGuid) ? admin.nodeGuid : originals.node;
  const port = isSetByOther(record, admin.portGuid) ? admin.portGuid : originals.port;
  if (node !== originals.node || port !== originals.port) {
    warn(
      `the GUIDs of VF ${pci} at its PF have been changed since ADD: ${node} (node), ${port} (port); they stay`,
    );
  }
  if (admin.nodeGuid !== node || admin.portGuid !== port) setGuids(attachment, node, port);
  return { node, port };
}

/**
 * Restores, for a VF with a foreign driver, each administrative GUID that is still the container's. A GUID belongs to one
 * container, so no other program can have set this value. The change has no effect on the VF until a driver is bound to
 * it again. The link state stays: the other program may rely on it, and its value does not show which program set it.
 * @param unknown whether GUIDs that the kernel does not report stay ("leave"), or are restored ("set").
 */
export function withdrawGuids(
  { node, record, pf, vfConfig, warn }: StepContext,
  unknown: "leave" | "set",
): void {
  const { originals, desired, staleGuids = [], vf } = record;
  const assigned = [...(changesGuid(desired, originals) ? [desired.guid] : []), ...staleGuids];
  if (assigned.length === 0) return;
  const admin = vfConfig();
  const isKnown = admin.nodeGuid !== undefined && admin.portGuid !== undefined;
  if (!isKnown && unknown === "leave")
    warn(`the kernel does not report which GUIDs PF ${vf.pf} has for VF ${vf.pci}; they stay unchanged`);
  const isAssigned = (guid: Guid | undefined) => (isKnown ? assigned.includes(guid) : unknown === "set");
  const withdrawn = {
    ...(isAssigned(admin.nodeGuid)
      ? { nodeGuid: original(originals.nodeGuid, originals.adminNodeGuid) }
      : {}),
    ...(isAssigned(admin.portGuid)
      ? { portGuid: original(originals.portGuid, originals.adminPortGuid) }
      : {}),
  };
  if (Object.keys(withdrawn).length === 0) return;
  node.links.setVfConfig(pf().index, vf.index, withdrawn);
}

/** Returns the original administrative GUID of the VF; if that is invalid or unknown, the GUID that the VF ran with. */
function original(effective: Guid, admin: Guid | undefined): Guid {
  return admin !== undefined && isUsableGuid(admin) ? admin : orAllOnes(effective);
}

/**
 * Returns the administrative GUIDs that restore the originals, with all-ones for a missing GUID. With zero, the SR-IOV
 * Network Operator would drain the node (its NeedToUpdateSriov); it ignores all-ones.
 */
export function originalAdminGuids({ nodeGuid, portGuid }: Originals): AdminGuids {
  return { node: orAllOnes(nodeGuid), port: orAllOnes(portGuid) };
}

function orAllOnes(guid: Guid): Guid {
  return isUsableGuid(guid) ? guid : ALL_ONES_GUID;
}

/**
 * Reports whether another program has set an administrative GUID. "No GUID" (zero, all-ones) does not count: it would leave
 * the container's GUID in effect.
 */
function isSetByOther(
  { originals, desired, staleGuids = [] }: AttachmentRecord,
  guid: Guid | undefined,
): guid is Guid {
  if (guid === undefined || !isUsableGuid(guid)) return false;
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid } = originals;
  return ![desired.guid, nodeGuid, portGuid, adminNodeGuid, adminPortGuid, ...staleGuids].includes(guid);
}
