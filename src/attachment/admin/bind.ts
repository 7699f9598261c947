import { CniError, codes } from "../../cni/errors.ts";
import { emptyDns } from "../../cni/result.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import type { AddContext } from "../context.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { requireUnused, useElsewhere, useOfFreeVf } from "../in-use/in-use.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import { rollbackTimeOf } from "../limits.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import { currentOwnGuids } from "../lock/own-guids.ts";
import type { Session } from "../lock/session.ts";
import { recordedNetns } from "../netns.ts";
import { claimVf } from "../plan/create-record.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import { detach } from "../restore/detach.ts";
import { lostRecord } from "../restore/lost-record.ts";
import { findOrphan } from "../restore/orphan.ts";
import { rollBack } from "../restore/rollback.ts";
import { shellWord } from "../shell-word.ts";
import { driver as driverStep } from "../steps/driver.ts";
import { netdevOf } from "../vf/netdev.ts";

/** The container ID in the record of a VF while it is bound. */
export const BIND_CONTAINER = "bind";

/** A VF after `bind`. */
export interface BindOutcome {
  readonly driver: string;
  /** Whether the VF had no driver or no netdev before. */
  readonly isNew: boolean;
}

/**
 * Binds a VF that has no driver to the driver of its PF, and binds it again if its netdev is missing. The
 * changes of an interrupted call are undone first. The VF has a record as during an attachment, so that a later call
 * completes a bind that was killed.
 * @param options `driver`: another driver than the PF's.
 * @throws {CniError} if a running container has the VF (code 101), another driver is bound, or the bind failed.
 */
export function bind(
  session: Session,
  pci: string,
  options: { readonly driver?: string | undefined } = {},
): BindOutcome {
  return attempt(`bind VF ${pci}`, () => {
    const vf = session.node.functions.virtualFunction(pci);
    return withVfLock(session, pci, `bind of VF ${pci}`, (locked) => {
      const before = session.node.functions.driver(pci);
      releaseStale(locked, vf);
      const driver = desiredDriver(locked, vf, options.driver);
      requireUnused(pci, useElsewhere(session.node, pci));
      if (isUsable(locked, vf, driver)) return { driver, isNew: before !== driver };
      requireUnused(pci, useOfFreeVf(locked, pci));
      bindLocked(locked, vf, driver);
      return { driver, isNew: true };
    });
  });
}

/**
 * Releases the VF of an orphaned attachment, and after an interrupted ADD that of its predecessor, too.
 * @throws {CniError} code 101 if a container may be running with the VF.
 */
function releaseStale(locked: VfSession, vf: VirtualFunction): void {
  let orphan = findOrphan(locked, vf, nameOf(vf));
  while (orphan !== undefined) {
    const { record, path } = orphan;
    detach(stepContextOf(locked, record, recordedNetns(locked.node, record)), path);
    orphan = findOrphan(locked, vf, nameOf(vf));
  }
  releaseLeasesOf(locked, vf.pci);
}

/** @throws {CniError} if another driver is bound to the VF, or the VF is reserved for another driver. */
function desiredDriver(
  { node: { functions } }: VfSession,
  { pci, pf }: VirtualFunction,
  requested: string | undefined,
): string {
  const driver = requested ?? functions.driver(pf);
  if (driver === undefined)
    throw new CniError(codes.node, `PF ${pf} of VF ${pci} has no driver; bind the PF's driver first`);
  const bound = functions.driver(pci);
  if (bound !== undefined && bound !== driver) {
    throw new CniError(
      codes.node,
      `VF ${pci} is bound to ${bound}, not to ${driver}: a virtual machine or another program may use it; if ` +
        `nothing does, return it to ${driver}: driverctl unset-override ${pci}`,
    );
  }
  const override = functions.driverOverride(pci);
  if (bound !== undefined || override === undefined || override === driver) return driver;
  throw new CniError(
    codes.node,
    `VF ${pci} has no driver and is reserved for ${override} (driver_override); to bind it to that driver, run: ` +
      `ib-sriov bind ${pci} --driver ${shellWord(override)}`,
  );
}

/** Reports whether a VF has the driver, and its netdev if its PF has one. */
function isUsable({ node }: VfSession, { pci, pf }: VirtualFunction, driver: string): boolean {
  const { functions, namespaces } = node;
  if (functions.driver(pci) === undefined) return false;
  if (driver === VFIO_DRIVER) return true;
  return (
    netdevOf(node, namespaces.host, pci) !== undefined || netdevOf(node, namespaces.host, pf) === undefined
  );
}

function bindLocked(locked: VfSession, vf: VirtualFunction, driver: string): void {
  const { node, deadline, locks } = locked;
  const rollbackTime = rollbackTimeOf(deadline - node.clock.now());
  const own = currentOwnGuids(locked, vf);
  const record = recordFor(locked, vf, driver);
  const { host } = node.namespaces;
  const path = claimVf(locked, record, own, netdevOf(node, host, vf.pf)?.name ?? "");
  const attachment: AddContext = {
    ...stepContextOf({ ...locked, deadline: deadline - rollbackTime }, record, undefined),
    path,
    reply: { cniVersion: NEWEST_VERSION, prevResult: undefined, dns: emptyDns() },
    rollbackTime,
    effective: { node: undefined, port: undefined },
    netdev: undefined,
    netdevIn: host,
    result: undefined,
  };
  try {
    locks.setOwner(record);
    driverStep.apply(attachment);
    driverStep.verify(attachment);
  } catch (error) {
    throw rollBack(attachment, error);
  }
  detach(attachment, path);
}

/** Returns the name of the attachment that a VF has while it is bound. */
function nameOf({ pci }: VirtualFunction): AttachmentName {
  return { containerId: BIND_CONTAINER, ifname: pci };
}

/** Returns the record of a VF that is bound: it has no settings to restore, except GUIDs whose record is lost. */
function recordFor(locked: VfSession, vf: VirtualFunction, driver: string): AttachmentRecord {
  const { host } = locked.node.namespaces;
  const record = lostRecord(locked, nameOf(vf), vf, driver === VFIO_DRIVER ? "vfio" : "rdma");
  return {
    ...record,
    state: "preparing",
    netns: host.path,
    netnsCookie: host.cookie,
    originals: { ...record.originals, driver },
  };
}
