import { CniError, codes } from "../../cni/errors.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import { parseLockContents } from "../lock/lock-contents.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { type AttachmentName, isNamed } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import { lostRecord, restorableVf, restoreLost } from "../restore/lost-record.ts";
import { netdevOf } from "../vf/netdev.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";

/** The attachment of a record that does not show whose it is. */
const UNKNOWN: AttachmentName = { containerId: "unknown", ifname: "unknown" };

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
  const container = containerOf(name ?? UNKNOWN);
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
    if (owned.length === 0) releaseUnowned(session, stored, name ?? UNKNOWN);
    removeRecord(session, path);
  });
}

function containerOf(name: AttachmentName): string {
  return name === UNKNOWN ? "its container" : `container ${name.containerId}`;
}

/** Releases a VF whose lock file names the attachment. */
function releaseOwned(session: Session, pci: string, name: AttachmentName, path: string): void {
  withVfLock(session, pci, `release of container ${name.containerId}`, (locked) => {
    if (!isNamed(locked.locks.owner, name)) return;
    restoreByRebind(locked, pci, name);
    removeRecord(locked, path);
    locked.locks.clearOwner();
    releaseLeasesOf(locked, pci);
  });
}

/**
 * Returns the devices of a VF to the host if the members of the record for the Go plugin name it, and no lock file names
 * the attachment: the lock file was lost as well. A VF that another attachment may have is left.
 */
function releaseUnowned(session: Session, { path, goCache }: StoredRecord, name: AttachmentName): void {
  const { node, state, warn } = session;
  const container = containerOf(name);
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
    if (isAway(node, pci)) restoreByRebind(locked, pci, name);
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

/** Returns the VFs that an attachment has, as their lock files say: at most one. It reads all lock files. */
export function vfsOf(state: StateDirectory, name: AttachmentName): string[] {
  return state.lockedVfs().filter((pci) => isNamed(parseLockContents(state.vfNote(pci)).owner, name));
}

/**
 * Restores a VF whose record cannot be read, by a rebind, which returns its devices from any namespace with default
 * settings.
 * @throws {CniError} if a virtual machine has the VF open, or the VF could not be restored.
 */
function restoreByRebind(locked: VfSession, pci: string, name: AttachmentName): void {
  const { node } = locked;
  if (node.functions.generation(pci) === undefined) return;
  if (node.functions.isOpenByVfio(pci)) {
    throw new CniError(
      codes.tryAgain,
      `VF ${pci} is open in a virtual machine (/dev/vfio), so unbinding it would hang; stop the virtual machine first`,
    );
  }
  const vf = restorableVf(node, pci);
  if (vf !== undefined) restoreLost(locked, lostRecord(locked, name, vf), { rebinds: true });
}
