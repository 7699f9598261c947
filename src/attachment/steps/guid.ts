import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, isUsableGuid, sameGuid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
import { type GuidPair, otherGuid } from "../record/guid-pair.ts";
import { changesGuid } from "../record/record.ts";
import {
  type AdminGuids,
  desiredGuids,
  mayHaveStaleGuids,
  originalAdminGuids,
  restoreAdminGuids,
  setGuids,
} from "../vf/admin-guids.ts";
import { effectiveGuids, effectiveNodeGuid, portGuidOfDevice } from "../vf/effective-guids.ts";
import { requireRdmaNames, restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";

/** Sets the VF's administrative GUIDs, and rebinds the VF, which puts them into effect. */
export const guid = {
  name: "GUID",

  apply(attachment) {
    const { record, effective } = attachment;
    const target = desiredGuids(record);
    if (target === undefined) return;
    // Compare with the GUIDs that the VF runs with; the PF's administrative values may not be in effect. If the GUIDs
    // are right, skip the rebind, which on real hardware is by far the slowest part of an ADD.
    const isInEffect = areSame(effective, target);
    // The desired GUID can be in effect without being the VF's own: an orphaned attachment had the same one. Then the
    // PF may already have another, and must get this one.
    if (isInEffect && !changesGuid(record.desired, record.originals)) return;
    setGuids(attachment, target.node, target.port);
    if (isInEffect) return;
    attachment.netdev = rebind(attachment);
    // `provision` has no container that has been given files with the old numbers. The undo that follows warns.
    if (attachment.containerNetns === undefined) restoreRdmaNames({ ...attachment, warn: () => undefined });
    else requireRdmaNames(attachment);
    requireEffective(attachment, target, attachment.netdev, record.originals.rdma?.devices);
  },

  undo(attachment) {
    const { node, record } = attachment;
    const hasDriver = node.functions.driver(record.vf.pci) !== undefined;
    if (!mayHaveOtherGuids(attachment, hasDriver)) {
      if (!hasDriver) attachment.hostNetdev = rebind(attachment);
      return;
    }
    const target = restoreAdminGuids(attachment);
    const before = runningGuids(attachment, target);
    if (!hasDriver || !areSame(before, target)) {
      attachment.hostNetdev = rebind(attachment);
      requireRestored(attachment, target, before);
    }
    restoreGuidsNotInEffect(attachment, target);
  },

  verify(attachment) {
    const { guid } = attachment.record.desired;
    if (guid !== undefined) requireEffective(attachment, { node: guid, port: guid }, undefined);
  },
} satisfies Step;

/** Reports whether the VF may run with other GUIDs than the originals, or its PF may have other ones. */
function mayHaveOtherGuids(attachment: StepContext, hasDriver: boolean): boolean {
  const { record } = attachment;
  const { desired, originals } = record;
  if (changesGuid(desired, originals) || mayHaveStaleGuids(record)) return true;
  if (desired.guid === undefined || !hasDriver) return false;
  // ADD had to replace the GUID of an orphaned attachment by the VF's own, and may have been killed before that.
  const { node, port } = runningGuids(attachment, { node: originals.nodeGuid, port: originals.portGuid });
  return [node, port].some((guid) => guid !== undefined && isUsableGuid(guid) && guid !== desired.guid);
}

/** Restores the administrative GUIDs from before ADD that would take effect at the VF's next rebind. */
function restoreGuidsNotInEffect(attachment: StepContext, target: AdminGuids): void {
  const { originals } = attachment.record;
  const { adminNodeGuid = originals.nodeGuid, adminPortGuid = originals.portGuid } = originals;
  if (!isUsableGuid(adminNodeGuid) || !isUsableGuid(adminPortGuid)) return;
  const own = originalAdminGuids(originals);
  // A GUID that another program has set since then stays.
  const node = target.node === own.node ? adminNodeGuid : target.node;
  const port = target.port === own.port ? adminPortGuid : target.port;
  if (node !== target.node || port !== target.port) setGuids(attachment, node, port);
}

/**
 * Returns the GUIDs that the VF runs with. The node GUID is read first, since it is easier to read; if it is not the
 * target's, the port GUID is not read.
 */
function runningGuids({ node, record, containerNetns }: StepContext, target: AdminGuids): GuidPair {
  const { pci } = record.vf;
  // The VF mostly still has the RDMA device of the record, which saves listing its devices.
  const device = record.originals.rdma?.devices[0];
  const known = device === undefined ? undefined : node.functions.nodeGuid(pci, device);
  const now = known ?? effectiveNodeGuid(node, pci, containerNetns);
  if (now === undefined || !sameGuid(now, target.node)) return { node: now, port: undefined };
  return effectiveGuids(node, pci, containerNetns, propertiesOf(record).hasNetdev ? undefined : "none");
}

/**
 * @param before the GUIDs that the VF ran with before the rebind.
 * @throws {CniError} if the VF still runs with a container's GUID after its driver was bound again.
 */
function requireRestored(attachment: StepContext, target: AdminGuids, before: GuidPair): void {
  const { node, record, hostNetdev } = attachment;
  const { pci } = record.vf;
  const device = record.originals.rdma?.devices[0];
  const nodeGuid = device === undefined ? undefined : node.functions.nodeGuid(pci, device);
  const now = {
    node: nodeGuid ?? effectiveNodeGuid(node, pci, undefined),
    port:
      hostNetdev === undefined
        ? portGuidOfDevice(node, pci, node.functions.rdmaDevices(pci))
        : portGuidOf(hostNetdev.address),
  };
  // The firmware may give a GUID to a VF that originally had no GUID.
  const stale = [record.desired.guid, before.node, before.port];
  const isRestored = (guid: Guid | undefined, wanted: Guid) =>
    guid === undefined || sameGuid(guid, wanted) || (!isUsableGuid(wanted) && !stale.includes(guid));
  for (const kind of ["node", "port"] as const) {
    if (isRestored(now[kind], target[kind])) continue;
    throw new CniError(
      codes.node,
      `restore the ${kind} GUID of VF ${pci}: it is ${now[kind]} after a rebind, not ${target[kind]}: the PF accepted ` +
        "the GUID, but the VF did not take it over when its driver was bound; see dmesg, then call DEL again",
    );
  }
}

/** Reports whether both GUIDs are equal; a GUID that could not be read counts as different. */
function areSame(now: GuidPair, { node, port }: AdminGuids): boolean {
  return (
    now.node !== undefined && now.port !== undefined && sameGuid(now.node, node) && sameGuid(now.port, port)
  );
}

/** @throws {CniError} if the VF runs with another GUID than the plugin has set. */
function requireEffective(
  { node, record, containerNetns }: StepContext,
  target: AdminGuids,
  netdev: Link | undefined,
  rdmaDevices?: readonly string[],
): void {
  const now = effectiveGuids(
    node,
    record.vf.pci,
    containerNetns,
    propertiesOf(record).hasNetdev ? netdev : "none",
    rdmaDevices,
  );
  const other = otherGuid(now, target);
  if (other === undefined) return;
  throw new CniError(
    codes.node,
    `the ${other.kind} GUID of VF ${record.vf.pci} is ${other.found}, not ${target[other.kind]}: the PF accepted it, ` +
      "but the VF did not take it over when its driver was bound; the PF's driver or firmware may be too old to set " +
      "VF GUIDs",
  );
}
