import { type Guid, isUsableGuid, ZERO_GUID } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import type { AttachmentKind } from "../attachment-kinds.ts";
import { stepContextOf } from "../context-of.ts";
import { combineErrors } from "../errors.ts";
import type { VfSession } from "../lock/locks.ts";
import { currentOwnGuids, runsWithOthers } from "../lock/own-guids.ts";
import { releaseGuidNotes } from "../record/guid-notes.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import { effectiveGuids } from "../vf/effective-guids.ts";
import { netdevOf } from "../vf/netdev.ts";
import { isVirtual } from "../vf/pci-function.ts";
import { type RestoreOptions, restore } from "./restore.ts";

/**
 * Returns a record that replaces a lost or unreadable one, with what the VF's lock file and the VF itself
 * show: the VF's own GUIDs if it may run with others, its driver, and the present names of its RDMA devices. Settings
 * that only the lost record had are missing, so that {@link restore} leaves them.
 * @param kind by default what the VF looks like; see {@link kindOfVf}.
 */
export function lostRecord(
  session: VfSession,
  name: AttachmentName,
  vf: VirtualFunction,
  kind: AttachmentKind = kindOfVf(session.node, vf),
): AttachmentRecord {
  const { node } = session;
  const { clock, functions } = node;
  const present = presentGuids(node, vf);
  const noted = currentOwnGuids(session, vf);
  // GUIDs that cannot be read, because a container has the devices, may be those of that container. So may those of a VF
  // without a driver, which reads them when it is bound.
  const isKnown =
    functions.driver(vf.pci) !== undefined && present.node !== undefined && present.port !== undefined;
  const own = noted !== undefined && (!isKnown || runsWithOthers(noted, present)) ? noted : undefined;
  return {
    containerId: name.containerId,
    ifname: name.ifname,
    state: "undo-failed",
    netns: "",
    netnsCookie: "",
    kind,
    bootId: clock.bootId(),
    since: Math.round(clock.wall()),
    vf,
    originals: {
      name: "",
      altnames: [],
      nodeGuid: own?.node ?? orZero(present.node),
      portGuid: own?.port ?? orZero(present.port),
      rdma: { devices: functions.rdmaDevices(vf.pci), files: functions.rdmaFiles(vf.pci) },
      driver: kind === "vfio" ? VFIO_DRIVER : (functions.driver(vf.pf) ?? ""),
    },
    staleGuids: own?.instead,
    desired: {},
    call: { stdin: "{}", args: "", path: "" },
  };
}

/**
 * Restores a VF whose attachment has no readable record. The lease is not released: only the record names the IPAM
 * plugin's call.
 * @param record of {@link lostRecord}.
 * @throws {CniError} if something could not be restored. The lock file still names the owner, and the VF's own GUIDs, so
 *   that the next call continues.
 */
export function restoreLost(
  session: VfSession,
  record: AttachmentRecord,
  options: Pick<RestoreOptions, "rebinds"> = {},
): void {
  const { pci } = record.vf;
  const failure = combineErrors(
    `VF ${pci}, whose attachment has no readable record, could not be put back as it was`,
    restore(stepContextOf(session, record, undefined), { ...options, ownsVf: true }),
  );
  if (failure !== undefined) throw failure;
  releaseGuidNotes(session.state, record);
}

/** Returns the kind that the attachment of a VF most likely had. */
export function kindOfVf(node: Node, { pci, pf }: VirtualFunction): AttachmentKind {
  const driver = node.functions.driver(pci);
  if (driver === VFIO_DRIVER) return "vfio";
  if (driver !== undefined) return node.functions.hasNetdev(pci) ? "netdev" : "rdma";
  // Without ib_ipoib, no function has a netdev.
  return netdevOf(node, node.namespaces.host, pf) === undefined ? "rdma" : "netdev";
}

/**
 * Returns the VF of an attachment whose record is lost; `undefined` if there is nothing that could be restored: the VF
 * is gone, or the function is not a VF, or its PF has no driver.
 */
export function restorableVf(node: Node, pci: string): VirtualFunction | undefined {
  if (node.functions.generation(pci) === undefined || !isVirtual(node, pci)) return undefined;
  const vf = node.functions.virtualFunction(pci);
  return node.functions.driver(vf.pf) === undefined ? undefined : vf;
}

/**
 * Returns the GUIDs that a VF on the host has: those that it runs with. For a VF of a virtual machine, and for one without
 * a driver, these are the GUIDs at its PF.
 */
export function presentGuids(node: Node, { pci, pf, index }: VirtualFunction): GuidPair {
  const driver = node.functions.driver(pci);
  if (driver !== undefined && driver !== VFIO_DRIVER)
    return effectiveGuids(node, pci, undefined, node.functions.hasNetdev(pci) ? undefined : "none");
  const config = node.links.physical(pf, index)?.vf;
  return { node: config?.nodeGuid, port: config?.portGuid };
}

function orZero(guid: Guid | undefined): Guid {
  return guid !== undefined && isUsableGuid(guid) ? guid : ZERO_GUID;
}
