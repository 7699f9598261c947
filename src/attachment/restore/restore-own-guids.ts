import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { stepContextOf } from "../context-of.ts";
import type { VfSession } from "../lock/locks.ts";
import { currentOwnGuids, runsWithOthers } from "../lock/own-guids.ts";
import { modeOf } from "../modes.ts";
import { releaseGuidNotes, usableGuids } from "../record/guid-notes.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { VerbRequest } from "../requests.ts";
import { adminGuid } from "../steps/admin-guid.ts";
import { guid } from "../steps/guid.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { effectiveGuids } from "../vf/effective-guids.ts";

/** The parts of a request that the record of a lost attachment needs. */
type RestoredRequest = Pick<VerbRequest, "name" | "stdin" | "args" | "path">;

/**
 * Restores the GUIDs of a VF that runs with those of an attachment whose record is lost: the VF's lock file contains
 * them. Also removes the attachment's notes of GUIDs.
 * @param driver the VF's driver.
 * @throws {CniError} if the GUIDs did not come into effect.
 */
export function restoreOwnGuids(
  session: VfSession,
  { name, stdin, args, path }: RestoredRequest,
  pci: string,
  driver: string,
): void {
  const { node, state } = session;
  const vf = node.functions.virtualFunction(pci);
  const own = currentOwnGuids(session, vf);
  if (own === undefined) {
    removePresentNotes(session, pci);
    return;
  }
  const hasNetdev = node.functions.hasNetdev(pci);
  const record: AttachmentRecord = {
    ...name,
    state: "broken",
    netns: "",
    netnsCookie: "",
    mode: driver === VFIO_DRIVER ? "vfio" : hasNetdev ? "netdev" : "rdma",
    bootId: own.bootId,
    since: Math.round(node.clock.wall()),
    vf,
    originals: {
      name: "",
      altnames: [],
      nodeGuid: own.node,
      portGuid: own.port,
      rdma: { devices: node.functions.rdmaDevices(pci), files: node.functions.rdmaFiles(pci) },
      driver,
    },
    staleGuids: own.instead,
    desired: {},
    call: { stdin, args, path },
  };
  releaseGuidNotes(state, record);
  const attachment = stepContextOf(session, record, undefined);
  if (!modeOf(record).hasRdmaDevices) {
    const { nodeGuid, portGuid } = attachment.vfConfig();
    if (runsWithOthers(own, { node: nodeGuid, port: portGuid })) adminGuid.undo(attachment);
    return;
  }
  if (!runsWithOthers(own, presentGuids(node, vf))) return;
  guid.undo(attachment);
  rdmaDevice.undo(attachment);
}

/** Removes the notes of the GUIDs that a VF has, which no attachment has any more. */
export function removePresentNotes({ node, state }: VfSession, pci: string): void {
  const { node: nodeGuid, port } = presentGuids(node, node.functions.virtualFunction(pci));
  state.guidNotes.removeOf(pci, usableGuids([nodeGuid, port]));
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
