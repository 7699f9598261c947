import { messageOf } from "../../cni/error-document.ts";
import { PluginFailure } from "../../cni/ipam-outcome.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { runIpam } from "../ipam/ipam.ts";
import { parseLockContents } from "../lock/contents.ts";
import { Locks } from "../lock/locks.ts";
import { isNamed } from "../record/record.ts";
import type { StateDirectory, StoredRecord } from "../record/state-directory.ts";
import type { DelRequest } from "../requests.ts";
import { returnToHost } from "../steps/interface.ts";
import { isVirtual, unseenError } from "../vf/function.ts";
import { hostRdmaDevices } from "../vf/host-rdma-devices.ts";
import { countPkeyChildren } from "../vf/pkey-children.ts";
import { rdmaDevicesIn, returnRdmaToHost } from "../vf/rdma-devices.ts";
import { restoreOwnGuids } from "./restore-own-guids.ts";

/**
 * DEL of an attachment that nobody has written down: detached before, or made by another plugin, or its
 * record is damaged. What can be told from the call alone is done: the lease is released, and the configured VF
 * comes home from the container unless it is somebody else's. Only if the VF's lock file names this attachment is the
 * VF's driver bound, and are its GUIDs restored, which that file still has.
 * @param pod the container's namespace; undefined where it is gone, or was not named.
 * @param damaged the record that cannot be read; undefined where there is none at all.
 */
export function delUnrecorded(
  node: Node,
  call: DelRequest,
  state: StateDirectory,
  pod: Namespace | undefined,
  damaged: StoredRecord | undefined,
): void {
  if (damaged !== undefined) {
    const why = damaged.unreadable?.reason;
    call.warn(`the record ${damaged.path} cannot be read (${why}); its VF is brought home`);
  }
  const { deviceID } = call;
  const isBlind = () => attempt("look whether sysfs shows PCI functions", () => !node.functions.any());
  if (damaged !== undefined && deviceID !== undefined && isBlind())
    throw unseenError(deviceID, "any other PCI function");
  // In this order: an address is given back only when nothing carries it any more.
  attempt(`bring VF ${call.deviceID} home`, () => bringHome(node, call, state, pod));
  attempt("release the lease", () =>
    damaged === undefined ? releaseAnyLease(node, call) : releaseLease(node, call),
  );
  if (damaged !== undefined) attempt("remove the attachment's record", () => state.remove(damaged.path));
}

/** Gives back what the IPAM plugin of the call's network leased. */
export function releaseLease(node: Node, call: DelRequest): void {
  if (call.ipam !== undefined) runIpam(node, "DEL", call.ipam, [], call);
}

/**
 * The same where no record says that there is a lease: that the plugin fails is then no reason to fail. A runtime may
 * call with less than it called ADD with (Multus 4.3 hands a second DEL a network without ranges).
 */
function releaseAnyLease(node: Node, call: DelRequest): void {
  try {
    releaseLease(node, call);
  } catch (error) {
    if (!(error instanceof PluginFailure)) throw error;
    const { containerId, ifname } = call.name;
    call.warn(
      `release a lease of container ${containerId} (${ifname}), of which there is no record: ${messageOf(error)}`,
    );
  }
}

function bringHome(node: Node, call: DelRequest, state: StateDirectory, pod: Namespace | undefined): void {
  const pci = call.deviceID;
  if (pci === undefined || !isVirtual(node, pci)) return;
  const isNoted = isNamed(parseLockContents(state.vfNote(pci)).owner, call.name);
  if (!isNoted && !isInPod(node, pci, pod)) return;
  attempt("prepare the state directory", () => state.prepare());
  const locks = new Locks(node, state, call, `DEL of container ${call.name.containerId}`);
  locks.acquireVf(pci);
  try {
    const { owner } = locks;
    const isOurs = isNamed(owner, call.name);
    if (owner !== undefined && !isOurs && state.findAny(owner) !== undefined) return;
    // In this order: its RDMA device takes the netdev along, in a way.
    if (pod !== undefined && hasRdma(node, pci, pod)) {
      call.warn(`no record says why an RDMA device of VF ${pci} is in ${call.netns}; it is brought home`);
      returnRdmaToHost(node, pci, pod, locks, call.deadline);
    }
    for (const { link, container } of straysIn(node, pci, pod)) {
      call.warn(`no record says why ${link.name} of VF ${pci} is in ${call.netns}; it is brought home`);
      attempt(`move ${link.name} of VF ${pci} to the host`, () =>
        // "%d" has the kernel choose a free number.
        returnToHost(node, container, link, pci, "ib%d"),
      );
    }
    if (!isOurs) return;
    if (!isProbed(node, call, pci) || mayHaveChildren(node, call, pci)) bindLikePf(node, call, pci, locks);
    const driver = node.functions.driver(pci);
    if (driver !== undefined && [VFIO_DRIVER, driverOfPf(node, pci)].includes(driver)) {
      attempt(`restore the GUIDs of VF ${pci}`, () => restoreOwnGuids(node, call, state, locks, pci, driver));
    }
    locks.clearOwner();
  } finally {
    locks.release();
  }
}

/** Looked at without a lock, so that a DEL that has nothing to do waits for nobody. */
function isInPod(node: Node, pci: string, pod: Namespace | undefined): boolean {
  return (pod !== undefined && hasRdma(node, pci, pod)) || straysIn(node, pci, pod).length > 0;
}

/** Has it a driver, and if that is one for InfiniBand, has the driver made a netdev, where there shall be one? (See interface.ts.) */
function isProbed(node: Node, { rdmaOnly }: DelRequest, pci: string): boolean {
  const driver = node.functions.driver(pci);
  if (driver === undefined) return false;
  return rdmaOnly === true || node.functions.hasNetdev(pci) || driver !== driverOfPf(node, pci);
}

/** Reports whether the VF's netdev has pkey children, or may have: the container has made them, and a rebind ends them. */
function mayHaveChildren(node: Node, { warn }: DelRequest, pci: string): boolean {
  const devices = node.functions.rdmaDevices(pci);
  if (devices.length === 0 || !node.functions.hasNetdev(pci)) return false;
  if (node.functions.driver(pci) !== driverOfPf(node, pci)) return false;
  if (countPkeyChildren(node, pci, hostRdmaDevices(node, pci, devices).own) === 0) return false;
  warn(`VF ${pci} may have pkey children; its driver is bound again, which ends them`);
  return true;
}

function hasRdma(node: Node, pci: string, pod: Namespace): boolean {
  return pod.cookie !== node.namespaces.host.cookie && rdmaDevicesIn(node, pci, pod).length > 0;
}

/** What of the VF is in the container. */
function straysIn(node: Node, pci: string, pod: Namespace | undefined) {
  if (pod === undefined || pod.cookie === node.namespaces.host.cookie) return [];
  return node.links.ofFunction(pod, pci).map((link) => ({ link, container: pod }));
}

/** Which driver a VF had nobody knows; that of its PF drives both in every InfiniBand HCA there is. */
function driverOfPf(node: Node, pci: string): string | undefined {
  return node.functions.driver(node.functions.virtualFunction(pci).pf);
}

function bindLikePf(node: Node, { deadline, warn }: DelRequest, pci: string, locks: Locks): void {
  const driver = driverOfPf(node, pci);
  if (driver === undefined) return;
  const reserved = node.functions.driverOverride(pci);
  if (reserved !== undefined && reserved !== driver) {
    warn(`VF ${pci} stays without a driver: its driver_override is ${reserved}, not ${driver}`);
    return;
  }
  const bind = () =>
    attempt(`bind VF ${pci} to ${driver}`, () => {
      if (node.functions.driver(pci) === driver) node.functions.unbind(pci, driver);
      node.functions.bind(pci, driver);
    });
  locks.whileNodeIsLocked(deadline, bind);
}
