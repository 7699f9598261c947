import { CniError, codes } from "../../cni/errors.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { parseLockContents } from "../lock/vf-owner.ts";
import { type AttachmentName, isNamed } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import { restoreOwnGuids } from "../recovery/restore-own-guids.ts";
import { waitForNetdevReturn } from "../vf/netdev.ts";
import { isVirtual } from "../vf/pci-function.ts";

/**
 * Releases the VF of a container whose record cannot be read, for an operator who knows that the container has ended:
 * returns its devices to the host by a rebind, restores the GUIDs that the VF's lock file contains, removes the record,
 * and clears the owner of the VF. The link state stays as it is, and the lease is not released, since only the record
 * has them.
 * @param stored the file at the record's path.
 * @param options `force` must be true, because an unreadable record counts as that of a running attachment.
 * @throws {CniError} code 101 without `force`, 11 if the VF is busy, or 100 if its netdev does not return to the host.
 */
export function releaseUnreadable(
  session: Session,
  name: AttachmentName,
  { path, unreadable }: StoredRecord,
  { force }: { readonly force: boolean },
): void {
  const { state, warn } = session;
  const { containerId, ifname } = name;
  const why = `${path} cannot be read: ${unreadable?.reason}`;
  if (!force) {
    throw new CniError(
      codes.deviceInUse,
      `container ${containerId} may be running, since its record ${why}; use --force to release its VF anyway`,
    );
  }
  warn(`the record ${why}; the link state of the VF stays as it is, and the lease is not released`);
  attempt(`release container ${containerId}`, () => {
    const pcis = vfsOf(state, name);
    if (pcis.length === 0) warn(`no lock file names ${containerId} ${ifname}: no VF is released`);
    for (const pci of pcis) {
      withVfLock(session, pci, `release of container ${containerId}`, (locked) => {
        if (!isNamed(locked.locks.owner, name)) return;
        returnDevices(locked, pci);
        restoreGuids(locked, pci, name);
        state.remove(path);
        locked.locks.clearOwner();
        releasePendingOf(locked, pci);
      });
    }
    state.remove(path);
  });
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
 * Binds the VF's driver again, which creates the VF's devices again, on the host and with default settings.
 * @throws {CniError} if a virtual machine has the VF open, or the netdev does not appear.
 */
function returnDevices({ node, locks, deadline, warn }: VfSession, pci: string): void {
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
