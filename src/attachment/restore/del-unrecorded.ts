import { messageOf } from "../../cni/error-document.ts";
import { PluginFailure } from "../../cni/ipam-outcome.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import type { AttachmentKind } from "../attachment-kinds.ts";
import { attempt } from "../errors.ts";
import { runIpam } from "../ipam/ipam.ts";
import { containerKey, parseLockContents } from "../lock/lock-contents.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { isNamed } from "../record/record.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import type { DelRequest } from "../requests.ts";
import { returnToHost } from "../steps/interface.ts";
import { netdevOf } from "../vf/netdev.ts";
import { isVirtual, unseenError } from "../vf/pci-function.ts";
import { rdmaDevicesIn, returnRdmaToHost } from "../vf/rdma-devices.ts";
import { kindOfVf, lostRecord, restorableVf, restoreLost } from "./lost-record.ts";

/**
 * DEL of an attachment without a readable record: it is already detached, another plugin made it, or its record is
 * damaged. DEL does what the call alone allows: it releases the lease, and moves the configured VF from the container
 * to the host, unless the VF belongs to another attachment. Only if the VF's lock file names this attachment, DEL also
 * restores the VF, as far as the lock file and the VF show what it was (lost-record.ts).
 * @param containerNetns the container's namespace; `undefined` if it is gone, or the call does not name it.
 * @param damaged the record that cannot be read; `undefined` if no record exists.
 */
export function delUnrecorded(
  session: Session,
  request: DelRequest,
  containerNetns: Namespace | undefined,
  damaged: StoredRecord | undefined,
): void {
  const { node, state, warn } = session;
  if (damaged !== undefined) {
    const why = damaged.unreadable?.reason;
    warn(`the record ${damaged.path} cannot be read (${why}); its VF is returned to the host`);
  }
  const { deviceID } = request;
  // In this order: an address may be released only when no netdev has it any more.
  attempt(`return VF ${deviceID} to the host`, () => {
    if (damaged !== undefined && deviceID !== undefined && !node.functions.any())
      throw unseenError(deviceID, "any other PCI function");
    returnVf(session, request, containerNetns);
  });
  if (damaged === undefined) {
    releaseAnyLease(session, request);
    return;
  }
  releaseLease(session, request);
  attempt("remove the attachment's record", () => state.remove(damaged.path));
}

/** Releases the lease by the IPAM plugin of the call's network. */
export function releaseLease(session: Session, { ipam }: DelRequest): void {
  if (ipam !== undefined) runIpam(session, "DEL", ipam);
}

/**
 * Releases the lease if there is one, although no record contains it: an error of the plugin does not fail DEL then. A
 * runtime may call DEL with less than it called ADD with (Multus 4.3 calls a second DEL with a network without ranges).
 */
function releaseAnyLease(session: Session, request: DelRequest): void {
  try {
    releaseLease(session, request);
  } catch (error) {
    if (!(error instanceof PluginFailure)) throw error;
    const { containerId, ifname } = request.name;
    session.warn(
      `cannot release the lease of container ${containerId} (${ifname}), which no record contains: ${messageOf(error)}`,
    );
  }
}

function returnVf(session: Session, request: DelRequest, containerNetns: Namespace | undefined): void {
  const { node, state, warn } = session;
  const { deviceID: pci, name, netns } = request;
  if (pci === undefined || !isVirtual(node, pci)) return;
  const { owner: lastOwner, podFiles } = parseLockContents(state.vfNote(pci));
  const caller = `DEL of container ${name.containerId}`;
  // An ADD that was refused because of its device files was rolled back, and only the note of the files is left.
  if (podFiles?.pod === containerKey(name.containerId))
    withVfLock(session, pci, caller, ({ locks }) => locks.forgetPodFiles(name.containerId));
  const isNoted = isNamed(lastOwner, name);
  if (!isNoted && !isInContainer(node, pci, containerNetns)) {
    warnOfMissingDriver(session, pci);
    return;
  }
  withVfLock(session, pci, caller, (locked) => {
    const { owner } = locked.locks;
    const isOwner = isNamed(owner, name);
    if (owner !== undefined && !isOwner && state.findAny(owner) !== undefined) return;
    // The RDMA device first: when it moves, the kernel removes the netdev and creates it again.
    if (containerNetns !== undefined && hasRdma(node, pci, containerNetns)) {
      warn(`an RDMA device of VF ${pci} is in ${netns}, which no record explains; it is moved to the host`);
      returnRdmaToHost(locked, pci, containerNetns);
    }
    for (const { link, container } of netdevsIn(node, pci, containerNetns)) {
      warn(`${link.name} of VF ${pci} is in ${netns}, which no record explains; it is moved to the host`);
      // For "%d", the kernel chooses a free number.
      returnToHost(node, container, link, pci, "ib%d");
    }
    if (isOwner) restoreVf(locked, request, pci);
  });
}

/** Warns of a free VF without a driver, unless it is reserved for another driver. */
function warnOfMissingDriver({ node, state, warn }: Session, pci: string): void {
  const { functions } = node;
  const { owner } = parseLockContents(state.vfNote(pci));
  if (functions.driver(pci) !== undefined || (owner !== undefined && state.findAny(owner) !== undefined))
    return;
  if (![undefined, driverOfPf(node, pci)].includes(functions.driverOverride(pci))) return;
  warn(
    `VF ${pci} has no driver, which no record explains: a call may have been killed; run: ib-sriov bind ${pci}`,
  );
}

/** Restores a VF that the lock file assigns to this attachment. */
function restoreVf(session: VfSession, { name, rdmaOnly }: DelRequest, pci: string): void {
  const vf = restorableVf(session.node, pci);
  if (vf !== undefined)
    restoreLost(session, lostRecord(session, name, vf, propertiesOf(session.node, vf, rdmaOnly)));
  session.locks.clearOwner();
}

/**
 * Returns the kind of the attachment. Only the call shows whether the VF has no netdev by design: a kill during the
 * probe can leave a VF without one, too.
 */
function propertiesOf(node: Node, vf: VirtualFunction, rdmaOnly: boolean | undefined): AttachmentKind {
  const seen = kindOfVf(node, vf);
  if (seen === "vfio") return seen;
  if (rdmaOnly === true) return "rdma";
  return netdevOf(node, node.namespaces.host, vf.pf) === undefined ? seen : "netdev";
}

/** Reports whether a device of the VF is in the container. It takes no lock, so that a DEL without work never waits. */
function isInContainer(node: Node, pci: string, containerNetns: Namespace | undefined): boolean {
  return (
    (containerNetns !== undefined && hasRdma(node, pci, containerNetns)) ||
    netdevsIn(node, pci, containerNetns).length > 0
  );
}

function hasRdma(node: Node, pci: string, containerNetns: Namespace): boolean {
  return (
    containerNetns.cookie !== node.namespaces.host.cookie &&
    rdmaDevicesIn(node, pci, containerNetns).length > 0
  );
}

/** Returns the VF's netdevs in the container. */
function netdevsIn(node: Node, pci: string, containerNetns: Namespace | undefined) {
  if (containerNetns === undefined || containerNetns.cookie === node.namespaces.host.cookie) return [];
  return node.links.ofFunction(containerNetns, pci).map((link) => ({ link, container: containerNetns }));
}

/** Returns the driver of the VF's PF. The VF's own driver is not recorded; in every InfiniBand HCA, it is the same. */
function driverOfPf(node: Node, pci: string): string | undefined {
  return node.functions.driver(node.functions.virtualFunction(pci).pf);
}
