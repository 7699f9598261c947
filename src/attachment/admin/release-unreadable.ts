import { CniError, codes } from "../../cni/errors.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-lease-releases.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { parseLockContents } from "../lock/vf-owner.ts";
import { type AttachmentName, isNamed } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import { restoreOwnGuids } from "../restore/restore-own-guids.ts";
import { netdevOf, waitForNetdevReturn } from "../vf/netdev.ts";
import { isVirtual } from "../vf/pci-function.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";

/**
 * Releases the VF of an attachment whose record cannot be read, for an operator who knows that the container has ended:
 * returns its devices to the host by a rebind, restores the GUIDs that the VF's lock file contains, removes the record,
 * and clears the owner of the VF. The link state stays as it is, and the lease is not released, since only the record
 * has them.
 * @param stored the file at the record's path.
 * @param name the attachment; `undefined` if it is not known.
 * @param options `force` must be true, because an unreadable record counts as that of a running attachment.
 * @throws {CniError} code 101 without `force`, 11 if the VF is busy, or 100 if its netdev does not return to the host,
 *   or the record cannot be removed.
 */
export function releaseUnreadable(
  session: Session,
  stored: StoredRecord,
  name: AttachmentName | undefined,
  { force }: { readonly force: boolean },
): void {
  const { state, warn } = session;
  const { path, unreadable } = stored;
  const container = name === undefined ? "its container" : `container ${name.containerId}`;
  const why = `the record ${path} cannot be read: ${unreadable?.reason}`;
  if (!force) {
    throw new CniError(
      codes.deviceInUse,
      `${container} may be running, since ${why}; use --force to release its VF anyway`,
    );
  }
  // A path through a link leads out of the state directory.
  if (["ELOOP", "ENOTDIR"].includes(errnoOf(unreadable?.error) ?? ""))
    throw new CniError(codes.node, `cannot remove the record ${path}: ${unreadable?.reason}`);
  warn(`${why}; the link state of the VF stays as it is, and the lease is not released`);
  attempt(`release ${container}`, () => {
    const owned = name === undefined ? [] : vfsOf(state, name);
    if (name !== undefined) for (const pci of owned) releaseOwned(session, pci, name, path);
    if (owned.length === 0) releaseNamed(session, stored, container);
    removeRecord(session, path);
  });
}

/** Releases a VF whose lock file names the attachment. */
function releaseOwned(session: Session, pci: string, name: AttachmentName, path: string): void {
  withVfLock(session, pci, `release of container ${name.containerId}`, (locked) => {
    if (!isNamed(locked.locks.owner, name)) return;
    rebindLikePf(locked, pci);
    restoreGuids(locked, pci, name);
    removeRecord(locked, path);
    locked.locks.clearOwner();
    releasePendingOf(locked, pci);
  });
}

/**
 * Returns the devices of a VF to the host if the members of the record for the Go plugin name it, and no lock file names
 * the attachment: the lock file was lost as well. A VF that another attachment may have is left.
 */
function releaseNamed(session: Session, { path, goCache }: StoredRecord, container: string): void {
  const { node, state, warn } = session;
  const pci = goCache?.pci;
  if (pci === undefined) {
    warn(`neither the record ${path} nor a lock file names the VF of ${container}: no VF is released`);
    return;
  }
  withVfLock(session, pci, `release of ${container}`, (locked) => {
    const { owner } = locked.locks;
    const claims = state.paths().filter((each) => each !== path && vfOf(state.readAny(each)) === pci);
    if (owner !== undefined && state.findAny(owner)?.path !== path)
      claims.push(`${owner.containerId}/${owner.ifname}`);
    if (claims.length > 0) {
      warn(`VF ${pci} is left, because it may belong to another attachment: ${claims.join(", ")}`);
      return;
    }
    warn(`the lock file of VF ${pci} does not name ${container}: the GUIDs of the VF stay as they are`);
    if (isAway(node, pci)) rebindLikePf(locked, pci);
  });
}

function vfOf(stored: StoredRecord | undefined): string | undefined {
  return stored?.record?.vf.pci ?? stored?.goCache?.pci;
}

/** Reports whether the host lacks the VF's netdev or an RDMA device of it, or the VF has no driver. */
function isAway(node: Node, pci: string): boolean {
  if (node.functions.driver(pci) === undefined || rdmaDevicesAway(node, pci).length > 0) return true;
  return netdevOf(node, node.namespaces.host, pci) === undefined;
}

/** @throws {CniError} if the path still exists: it is a directory with files. */
function removeRecord({ node, state }: Session, path: string): void {
  state.remove(path);
  if (node.files.exists(path))
    throw new CniError(codes.node, `cannot remove the record ${path}: it is a directory that is not empty`);
}

/** Restores the VF's own GUIDs from its lock file, which contains them if the attachment gave the VF others. */
function restoreGuids(session: VfSession, pci: string, name: AttachmentName): void {
  const { node } = session;
  const { functions } = node;
  if (functions.generation(pci) === undefined || !isVirtual(node, pci)) return;
  const driver = functions.driver(pci);
  const drivers = [VFIO_DRIVER, functions.driver(functions.virtualFunction(pci).pf)];
  if (driver === undefined || !drivers.includes(driver)) return;
  restoreOwnGuids(session, { name, stdin: "{}", args: "", path: "" }, pci, driver);
}

/** Returns the VFs that an attachment has, as their lock files say: at most one. It reads all lock files. */
export function vfsOf(state: StateDirectory, name: AttachmentName): string[] {
  return state.lockedVfs().filter((pci) => isNamed(parseLockContents(state.vfNote(pci)).owner, name));
}

/**
 * Binds the driver of the PF to the VF again, which creates the VF's devices again, on the host and with default settings.
 * @throws {CniError} if a virtual machine has the VF open, or the netdev does not appear.
 */
function rebindLikePf({ node, locks, deadline, warn }: VfSession, pci: string): void {
  const { functions } = node;
  if (functions.generation(pci) === undefined) return;
  if (functions.isOpenByVfio(pci)) {
    throw new CniError(
      codes.tryAgain,
      `VF ${pci} is open in a virtual machine (/dev/vfio), so unbinding it would hang; stop the virtual machine first`,
    );
  }
  // A PF that is given to a container as a whole has no driver that this plugin could bind.
  if (!isVirtual(node, pci)) return;
  const bound = functions.driver(pci);
  // The PF's driver drives both in every InfiniBand HCA.
  const driver = functions.driver(functions.virtualFunction(pci).pf);
  const other = [bound, functions.driverOverride(pci)].find((each) => each !== undefined && each !== driver);
  if (driver === undefined || other !== undefined) {
    warn(`VF ${pci} stays as it is: its driver is ${other ?? "unknown"}, and not that of its PF`);
    return;
  }
  const hadNetdev = functions.hasNetdev(pci);
  locks.whileNodeIsLocked(deadline, () => {
    if (bound !== undefined) functions.unbind(pci, bound);
    functions.bind(pci, driver);
  });
  if (!hadNetdev || waitForNetdevReturn(node, pci, deadline) !== undefined) return;
  throw new CniError(
    codes.node,
    `VF ${pci} has no netdev on the host after ${driver} was bound to it again: load ib_ipoib (modprobe ib_ipoib), or see dmesg`,
  );
}
