import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { type AttachmentRecord, changesGuid, type Originals } from "../record/record.ts";

/** Node and port GUID that a PF has on file for a VF. A rebind of the VF's driver puts them into effect. */
export interface AdminGuids {
  readonly node: Guid;
  readonly port: Guid;
}

/**
 * Returns the GUIDs that the VF must run with: the container's, or its own where it may still have another one;
 * `undefined` if it keeps those that it has.
 */
export function desiredGuids({ wanted, found }: AttachmentRecord): AdminGuids | undefined {
  const { guid } = wanted;
  if (guid !== undefined) return { node: guid, port: guid };
  return mayHaveStaleGuids(found) ? originalAdminGuids(found) : undefined;
}

/** Reports whether the record says that a GUID of an earlier attachment may be in effect. */
export function mayHaveStaleGuids({ leftGuids = [] }: Originals): boolean {
  return leftGuids.length > 0;
}

/** Sets the GUIDs of the VF at its PF. */
export function setGuids({ node, record, pf }: StepContext, nodeGuid: Guid, portGuid: Guid): void {
  const both = nodeGuid === portGuid ? nodeGuid : `${nodeGuid} (node) and ${portGuid} (port)`;
  attempt(`set the GUIDs of VF ${record.vf.pci} to ${both}`, () =>
    node.links.setVfConfig(pf().index, record.vf.index, { nodeGuid, portGuid }),
  );
}

/**
 * Sets at the PF the GUIDs that ADD found. A GUID that is neither the plugin's nor one of those stays: the administrator,
 * or another program, has set it since ADD.
 * @returns what the PF has then.
 */
export function restoreAdminGuids(attachment: StepContext): AdminGuids {
  const { record, vfConfig, warn } = attachment;
  const { pci } = record.vf;
  const admin = attempt(`read the GUIDs of VF ${pci} from its PF`, () => vfConfig());
  const originals = originalAdminGuids(record.found);
  const node = isExternal(record, admin.nodeGuid) ? admin.nodeGuid : originals.node;
  const port = isExternal(record, admin.portGuid) ? admin.portGuid : originals.port;
  if (node !== originals.node || port !== originals.port) {
    warn(
      `the GUIDs of VF ${pci} at its PF have been changed since ADD: ${node} (node), ${port} (port); they stay`,
    );
  }
  if (admin.nodeGuid !== node || admin.portGuid !== port) setGuids(attachment, node, port);
  return { node, port };
}

/**
 * Sets back each GUID at the PF that is still the container's, for a VF that another driver has: a GUID names one
 * container, so such a value is nobody else's. It has no effect on the VF before that driver is bound again. The link
 * state stays: the other program may rely on it, and its value does not say who set it.
 * @param unknown what happens to GUIDs that the kernel cannot tell.
 */
export function withdrawGuids(
  { node, record, pf, vfConfig, warn }: StepContext,
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
  return admin !== undefined && isUsableGuid(admin) ? admin : orAllOnes(effective);
}

/**
 * What is set at the PF for the GUIDs that the VF had: all-ones for none. A zero would have the SR-IOV Network
 * Operator drain the node (its NeedToUpdateSriov), all-ones it leaves alone.
 */
export function originalAdminGuids({ nodeGuid, portGuid }: Originals): AdminGuids {
  return { node: orAllOnes(nodeGuid), port: orAllOnes(portGuid) };
}

function orAllOnes(guid: Guid): Guid {
  return isUsableGuid(guid) ? guid : ALL_ONES_GUID;
}

/**
 * Reports whether a GUID at the PF is another program's. "No GUID" (zero, all-ones) is not: it would leave the
 * container's in effect.
 */
function isExternal({ found, wanted }: AttachmentRecord, guid: Guid | undefined): guid is Guid {
  if (guid === undefined || !isUsableGuid(guid)) return false;
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid, leftGuids = [] } = found;
  return ![wanted.guid, nodeGuid, portGuid, adminNodeGuid, adminPortGuid, ...leftGuids].includes(guid);
}
