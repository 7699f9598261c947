import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { stepContextOf } from "../context-of.ts";
import type { Locks } from "../lock/locks.ts";
import { currentOwnGuids, runsWithOthers } from "../lock/own-guids.ts";
import { releaseGuidNotes } from "../record/guid-reservation.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { VerbRequest } from "../requests.ts";
import { adminGuid } from "../steps/admin-guid.ts";
import { guid } from "../steps/guid.ts";
import { rdmaDevice } from "../steps/rdma-device.ts";
import { effectiveGuids } from "../vf/effective-guids.ts";

/**
 * Restores the GUIDs of a VF that runs with those of an attachment whose record is lost: the VF's lock file contains
 * them.
 * @param driver the VF's driver.
 * @throws {CniError} if the GUIDs did not come into effect.
 */
export function restoreOwnGuids(
  node: Node,
  call: VerbRequest,
  state: StateDirectory,
  locks: Locks,
  pci: string,
  driver: string,
): void {
  const vf = node.functions.virtualFunction(pci);
  const own = currentOwnGuids(node, locks, vf);
  if (own === undefined) return;
  const hasNetdev = node.functions.hasNetdev(pci);
  const record: AttachmentRecord = {
    ...call.name,
    state: "broken",
    netns: "",
    netnsCookie: "",
    mode: driver === VFIO_DRIVER ? "vfio" : hasNetdev ? undefined : "rdma",
    bootId: own.bootId,
    since: Math.round(node.clock.wall()),
    vf,
    found: {
      name: "",
      altnames: [],
      nodeGuid: own.node,
      portGuid: own.port,
      leftGuids: own.instead,
      rdma: { devices: node.functions.rdmaDevices(pci), files: node.functions.rdmaFiles(pci) },
      driver,
    },
    wanted: {},
    call: { stdin: call.stdin, args: call.args, path: call.path },
  };
  releaseGuidNotes(state, record);
  const attachment = stepContextOf(node, record, undefined, locks, call);
  if (record.mode === "vfio") {
    const { nodeGuid, portGuid } = attachment.vfConfig();
    if (runsWithOthers(own, { node: nodeGuid, port: portGuid })) adminGuid.undo(attachment);
    return;
  }
  if (!runsWithOthers(own, effectiveGuids(node, pci, undefined, hasNetdev ? undefined : "none"))) return;
  guid.undo(attachment);
  rdmaDevice.undo(attachment);
}
