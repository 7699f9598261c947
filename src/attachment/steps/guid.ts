import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, isUsableGuid, sameGuid } from "../../infiniband/guid.ts";
import type { Link } from "../../node/links.ts";
import type { Attachment, Step } from "../attachment.ts";
import { effectiveGuids, effectiveNodeGuid } from "../effective-guids.ts";
import { type GuidPair, otherGuid } from "../guid-pair.ts";
import { requireRdmaNames } from "../rdma-names.ts";
import { rebind } from "../rebind.ts";
import { changesGuid } from "../record.ts";
import { giveGuidsBack, setGuids } from "../set-guids.ts";

/** The VF's GUIDs: set at the PF, in effect once the VF's driver has been bound anew. */
export const guid: Step = {
  name: "GUID",

  apply(attachment) {
    const wanted = attachment.record.wanted.guid;
    // The PF's administrative values prove nothing; a VF that runs with the right GUIDs needs no rebind,
    // which on real hardware is by far the slowest thing that an ADD does.
    if (wanted === undefined || areSame(attachment.effective, wanted, wanted)) return;
    setGuids(attachment, wanted, wanted);
    attachment.netdev = rebind(attachment);
    requireRdmaNames(attachment);
    requireEffective(attachment, attachment.netdev, attachment.record.found.rdma?.devices);
  },

  undo(attachment) {
    const { node, record } = attachment;
    const { found } = record;
    const hasDriver = node.functions.driver(record.vf.pci) !== undefined;
    const { leftGuids = [] } = found;
    if (!changesGuid(record.wanted, found) && leftGuids.length === 0) {
      if (!hasDriver) attachment.home = rebind(attachment);
      return;
    }
    if (!giveGuidsBack(attachment)) {
      // No other step binds a VF that has no netdev.
      if (!hasDriver) attachment.home = rebind(attachment);
      return;
    }
    if (!hasDriver || !runsWith(attachment, found.nodeGuid, found.portGuid))
      attachment.home = rebind(attachment);
    restoreAdministrative(attachment);
  },

  verify(attachment) {
    requireEffective(attachment, undefined);
  },
};

/** A GUID that was waiting at the PF for the VF's next rebind waits there again. */
function restoreAdministrative(attachment: Attachment): void {
  const { found } = attachment.record;
  const { adminNodeGuid = found.nodeGuid, adminPortGuid = found.portGuid } = found;
  if (!isUsableGuid(adminNodeGuid) || !isUsableGuid(adminPortGuid)) return;
  if (adminNodeGuid === found.nodeGuid && adminPortGuid === found.portGuid) return;
  setGuids(attachment, adminNodeGuid, adminPortGuid);
}

/** Does the VF run with these GUIDs? The node GUID is looked at first, since it is easier to come by. */
function runsWith({ node, record, pod }: Attachment, nodeGuid: Guid, portGuid: Guid): boolean {
  const { pci } = record.vf;
  // Mostly it has the RDMA device that it had.
  const device = record.found.rdma?.devices[0];
  const known = device === undefined ? undefined : node.functions.nodeGuid(pci, device);
  const now = known ?? effectiveNodeGuid(node, pci, pod);
  if (now === undefined || !sameGuid(now, nodeGuid)) return false;
  return areSame(
    effectiveGuids(node, pci, pod, record.mode === "rdma" ? "none" : undefined),
    nodeGuid,
    portGuid,
  );
}

/** Are these the GUIDs? What could not be read is taken for no. */
function areSame(now: GuidPair, nodeGuid: Guid, portGuid: Guid): boolean {
  return (
    now.node !== undefined &&
    now.port !== undefined &&
    sameGuid(now.node, nodeGuid) &&
    sameGuid(now.port, portGuid)
  );
}

/** @throws {CniError} where the VF runs with another GUID than the one that was set. */
function requireEffective(
  { node, record, pod }: Attachment,
  netdev: Link | undefined,
  rdmaDevices?: readonly string[],
): void {
  const { guid } = record.wanted;
  if (guid === undefined) return;
  const now = effectiveGuids(node, record.vf.pci, pod, record.mode === "rdma" ? "none" : netdev, rdmaDevices);
  const other = otherGuid(now, guid);
  if (other === undefined) return;
  throw new CniError(
    codes.node,
    `the ${other.kind} GUID of VF ${record.vf.pci} is ${other.found}, not ${guid}: the PF accepted it, but the VF did ` +
      "not take it over when its driver was bound; the PF's driver or firmware may be too old to set VF GUIDs",
  );
}
