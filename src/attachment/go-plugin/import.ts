import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, sameGuid, ZERO_GUID } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { RdmaNames, VirtualFunction } from "../../node/pci-functions.ts";
import { isPhysical, VFIO_DRIVER } from "../../node/pci-functions.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { isOfEarlierBoot } from "../lock/earlier-boot.ts";
import type { VfSession } from "../lock/locks.ts";
import { recordedGuids } from "../plan/recorded-guids.ts";
import type { GoCache } from "../record/go-cache.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import { callThatFits } from "../record/record-document.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import type { DelRequest } from "../requests.ts";
import { releaseLease } from "../restore/del-unrecorded.ts";
import { hostNetdev } from "../steps/host-netdev.ts";
import { netdevOf, waitForNetdevReturn } from "../vf/netdev.ts";
import { functionAt, PhysicalFunction, unseenError } from "../vf/pci-function.ts";

/**
 * Makes a record from the Go plugin's cache of an attachment that is to be detached, so that DEL continues as if this
 * plugin had made the attachment. The cache contains the port GUID and the name that the VF had. Settings that it does
 * not contain stay as they are, except for two that the Go plugin itself assumes: the node GUID was the port GUID, and
 * the link state was `auto`.
 * @param containerNetns the container's namespace; `undefined` if it is gone, or the call does not name it.
 * @returns the record, which has replaced the cache; `undefined` if nothing is left to be restored: the cache is
 *   then removed, and the lease released.
 */
export function importGoAttachment(
  session: VfSession,
  request: DelRequest,
  containerNetns: Namespace | undefined,
  { path, goCache }: StoredRecord,
): AttachmentRecord | undefined {
  if (goCache === undefined) return undefined;
  const { node, state, locks, warn } = session;
  const { pci } = goCache;
  const vf = heldVf(session, request, containerNetns, goCache);
  if (vf !== undefined) {
    const record = recordLike(node, request, containerNetns, goCache, vf);
    state.replace(path, record, goCache.pfName);
    locks.setOwner(request.name);
    return record;
  }
  warn(
    `nothing shows that VF ${pci} still belongs to container ${request.name.containerId}; only its lease is released`,
  );
  restoreName(session, request, goCache);
  releaseLease(session, request);
  attempt("remove the Go plugin's cache", () => state.remove(path));
  return undefined;
}

/**
 * Returns the VF if it is still the attachment's; `undefined` if it is gone, belongs to another attachment, or nothing
 * shows whose it is. The Go plugin records neither when it made the attachment nor in which namespace. So the VF itself
 * must show it: it is in the container, or runs with the container's GUID or name on the host, or has no driver, since
 * a VF without a driver is of no use to any other owner.
 */
function heldVf(
  session: VfSession,
  { name, deadline }: DelRequest,
  containerNetns: Namespace | undefined,
  { pci, guid, ifname, vfioPciMode }: GoCache,
): VirtualFunction | undefined {
  const { node, state, locks } = session;
  const { owner } = locks;
  if (owner !== undefined && !isNamed(owner, name)) {
    const stored = state.findAny(owner);
    if (stored?.record?.vf.pci === pci) return undefined;
    if (stored?.unreadable !== undefined && !isOfEarlierBoot(session)) return undefined;
  }
  if (node.functions.generation(pci) === undefined) {
    // The cache contains only the name of the PF's netdev, which may have another name now.
    if (!node.functions.any()) throw unseenError(pci, "any other PCI function");
    return undefined;
  }
  const driver = node.functions.driver(pci);
  if (vfioPciMode) {
    // Such a VF has no device in the container. The namespace decides, as in the Go plugin.
    return driver === VFIO_DRIVER && containerNetns !== undefined ? functionAt(node, pci) : undefined;
  }
  const vf = node.functions.virtualFunction(pci);
  // With a foreign driver, only the VF's GUID at the PF is to be undone, if it is still the container's.
  if (driver === undefined || driver !== node.functions.driver(vf.pf)) return vf;
  if (containerNetns !== undefined && netdevOf(node, containerNetns, pci) !== undefined) return vf;
  const link = waitForNetdevReturn(node, pci, deadline);
  if (link === undefined) requireNoTrace(node, vf, guid);
  else if (link.name === ifname || (guid !== undefined && portGuidOf(link.address) === guid)) return vf;
  return undefined;
}

/**
 * Restores the name of the netdev of a free VF on which the Go plugin's DEL was killed after its rebind, before it renamed
 * the netdev: the VF then has its own GUID again, and a name that the kernel chose.
 */
function restoreName(session: VfSession, request: DelRequest, goCache: GoCache): void {
  const { node } = session;
  const { pci, original, name } = goCache;
  // Without a GUID, the Go plugin does not rebind. After a reboot the present name counts.
  if (original === undefined || name === "" || node.functions.generation(pci) === undefined) return;
  const recorded = recordedGuids(session).filter((each) => each.pci === pci);
  const link = netdevOf(node, node.namespaces.host, pci);
  if (recorded.length !== 1 || link === undefined || !/^ib\d+$/.test(link.name)) return;
  const port = portGuidOf(link.address);
  if (port === undefined || !sameGuid(port, original)) return;
  const record = recordLike(node, request, undefined, goCache, node.functions.virtualFunction(pci));
  hostNetdev.undo(stepContextOf(session, record, undefined));
}

/**
 * Requires that a VF whose netdev cannot be found does not have the container's GUID. The netdev is then in a running
 * container, or in a namespace whose teardown takes long.
 * @throws {CniError} code 11 if the PF still has the container's GUID for the VF: then the VF is in that container.
 */
function requireNoTrace(node: Node, vf: VirtualFunction, guid: Guid | undefined): void {
  if (guid === undefined) return;
  if (new PhysicalFunction(node, vf.pf, vf.index).vf.portGuid !== guid) return;
  throw new CniError(
    codes.tryAgain,
    `VF ${vf.pci} still has the container's GUID ${guid}, but its netdev is not on the host: a network namespace ` +
      "other than that of this call holds it",
  );
}

function recordLike(
  node: Node,
  request: DelRequest,
  containerNetns: Namespace | undefined,
  goCache: GoCache,
  vf: VirtualFunction,
): AttachmentRecord {
  const { guid, linkState, vfioPciMode } = goCache;
  // Of a VF of a virtual machine, the Go plugin does not read the GUIDs that it had.
  const original = (vfioPciMode ? undefined : goCache.original) ?? ZERO_GUID;
  const netdev = containerNetns === undefined ? undefined : netdevOf(node, containerNetns, vf.pci);
  return {
    ...request.name,
    // Another container that gets the VF before this DEL is done continues the undo.
    state: "undo-failed",
    netns: request.netns ?? "",
    netnsCookie: containerNetns?.cookie ?? "",
    kind: !vfioPciMode ? "netdev" : isPhysical(vf) ? "vfio-pf" : "vfio",
    bootId: node.clock.bootId(),
    since: Math.round(node.clock.wall()),
    vf,
    originals: {
      name: goCache.name,
      // The Go plugin leaves them on the netdev. If it set a GUID, its rebind removed them, and the present ones are
      // the container's own.
      altnames: guid === undefined && netdev !== undefined ? netdev.altnames : [],
      nodeGuid: original,
      portGuid: original,
      rdma: rdmaNames(node, vf.pci),
      // The PF's driver drives both in every InfiniBand HCA. The VF's own driver may be a foreign one.
      driver: vfioPciMode ? VFIO_DRIVER : (node.functions.driver(vf.pf) ?? ""),
    },
    desired: { guid, linkState, ...(goCache.rdmaIsolation ? { rdmaIsolation: true } : {}) },
    call: callThatFits(request),
  };
}

/** Returns the names of the VF's RDMA devices in the container, which the Go plugin has not changed. */
function rdmaNames(node: Node, pci: string): RdmaNames | undefined {
  const devices = node.functions.rdmaDevicesAnywhere(pci);
  return devices.length === 0 ? undefined : { devices, files: node.functions.rdmaFiles(pci) };
}
