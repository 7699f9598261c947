import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { TimeoutError } from "../../node/clock.ts";
import type { Lock, LockHolder } from "../../node/files.ts";
import { attempt } from "../errors.ts";
import { type AttachmentName, isNamed } from "../record/record.ts";
import { goLock, openGoLock } from "./go-lock.ts";
import { holderText } from "./holder-text.ts";
import {
  containerKey,
  encodeLockContents,
  type OwnGuids,
  type PodFiles,
  parseLockContents,
} from "./lock-contents.ts";
import type { Session } from "./session.ts";

/** A call that holds the lock of a VF. */
export interface VfSession extends Session {
  readonly locks: Locks;
}

/**
 * The locks of one call, always taken in this order: the VF's lock for the whole call, then the node's and the Go
 * plugin's until the kernel has assigned the numbers of a rebind, or of a move of an RDMA device. A call never waits
 * for an IPAM plugin or for a netdev while it holds the last two.
 */
export class Locks {
  private heldVf: Lock | undefined;
  private ownerName: AttachmentName | undefined;
  private predecessorName: AttachmentName | undefined;
  private bootOfOwner: string | undefined;
  private unreleasedLeases = false;
  private guids: OwnGuids | undefined;
  /** A GUID that a network has named for the VF and that is the VF's own; `undefined` if no network has. */
  confirmedGuid: Guid | undefined;
  /** The device files that the last pod of the VF has been given; the next write of the lock file contains them. */
  podFiles: PodFiles | undefined;
  /** The call that held the VF's lock before this one, e.g. "ADD of container c1". */
  previousCaller: string | undefined;

  /** @param caller describes this call, e.g. "ADD of container c1"; the error of a call that waits for the lock names it. */
  constructor(
    private readonly session: Session,
    private readonly caller: string,
  ) {}

  /**
   * Takes the VF's lock.
   * @throws {CniError} code 11 at the deadline; it names the holder.
   */
  acquireVf(pci: string): void {
    const lock = this.session.state.vfLock(pci);
    this.acquire(lock, `VF ${pci}`, this.session.deadline);
    this.heldVf = lock;
    const contents = parseLockContents(lock.read());
    const { owner, predecessor, ownerBoot, hasUnreleasedLeases, ownGuids, confirmedGuid, holder } = contents;
    this.confirmedGuid = confirmedGuid;
    this.podFiles = contents.podFiles;
    this.previousCaller = holder?.verb;
    this.bootOfOwner = ownerBoot;
    this.unreleasedLeases = hasUnreleasedLeases;
    this.guids = ownGuids;
    // An ADD that was killed after it claimed the VF, and before it wrote a record, has changed nothing: the VF still
    // belongs to the predecessor.
    const hasRecord = (name: AttachmentName) => this.session.state.find(name)?.record?.vf.pci === pci;
    const isValidClaim = predecessor === undefined || (owner !== undefined && hasRecord(owner));
    this.ownerName = isValidClaim ? owner : predecessor;
    this.predecessorName = isValidClaim ? predecessor : undefined;
    this.write();
  }

  /** The VF's owner, from its lock file. */
  get owner(): AttachmentName | undefined {
    return this.ownerName;
  }

  /** The boot of the machine in which the owner claimed the VF; `undefined` if the lock file does not contain it. */
  get ownerBoot(): string | undefined {
    return this.bootOfOwner;
  }

  /** The previous owner, if the ADD that restored it was killed before it was complete. */
  get predecessor(): AttachmentName | undefined {
    return this.predecessorName;
  }

  /** The VF's own GUIDs, if an attachment has given it others and was not undone completely; `undefined` otherwise. */
  get ownGuids(): OwnGuids | undefined {
    return this.guids;
  }

  /** Notes the device files that a pod has been given, before the orphan of the VF is restored, which may change those of the VF. */
  notePodFiles(podFiles: PodFiles): void {
    this.podFiles = podFiles;
    this.write();
  }

  /** Forgets the device files of a container without a pod, which is deleted: its next ADD is that of a new one. */
  forgetPodFiles(containerId: string): void {
    if (this.dropPodFiles(containerId)) this.write();
  }

  /** Notes that a GUID that a network names is the VF's own. */
  confirmGuid(guid: Guid): void {
    if (this.confirmedGuid === guid) return;
    this.confirmedGuid = guid;
    this.write();
  }

  /**
   * Notes the attachment that is about to write a record of this VF. The lock file contains both the new and the
   * previous owner until {@link setOwner}, so that the next call after a kill finds the record of one or the other.
   * @param ownGuids the VF's own GUIDs, if the attachment gives it others.
   */
  claim(owner: AttachmentName, ownGuids: OwnGuids | undefined): void {
    this.bootOfOwner = this.session.node.clock.bootId();
    this.guids = ownGuids;
    this.predecessorName = isNamed(this.ownerName, owner) ? undefined : this.ownerName;
    this.ownerName = owner;
    this.write();
  }

  /** Makes an attachment the only owner of the VF, which ends the time in which it also has a previous one. */
  setOwner(owner: AttachmentName): void {
    if (isNamed(this.ownerName, owner) && this.predecessorName === undefined) return;
    this.bootOfOwner = this.session.node.clock.bootId();
    this.ownerName = owner;
    this.predecessorName = undefined;
    this.write();
  }

  /** Whether this VF has unreleased leases. */
  get hasUnreleasedLeases(): boolean {
    return this.unreleasedLeases;
  }

  /** Notes that the VF has an unreleased lease. Must be called before the release is stored. */
  noteUnreleasedLease(): void {
    if (this.unreleasedLeases) return;
    this.unreleasedLeases = true;
    this.write();
  }

  /** Notes that the VF has no unreleased leases any more. */
  clearUnreleasedLeases(): void {
    this.unreleasedLeases = false;
    this.write();
  }

  /** Forgets an owner of an earlier boot whose record is unreadable, and its predecessor: nothing must be restored. */
  forgetOwner(): void {
    this.ownerName = undefined;
    this.predecessorName = undefined;
  }

  /**
   * Removes an owner that has no record any more, and whose VF runs with its own GUIDs. If ADD is still
   * restoring the VF of a predecessor, the VF belongs to the predecessor again.
   * @param deleted the container to forget as {@link forgetPodFiles} does, with the same write.
   */
  clearOwner(deleted?: string): void {
    if (deleted !== undefined) this.dropPodFiles(deleted);
    this.guids = undefined;
    this.withdrawClaim();
  }

  /** Withdraws the claim of an owner that has changed nothing and will not have a record. */
  withdrawClaim(): void {
    this.ownerName = this.predecessorName;
    this.predecessorName = undefined;
    this.write();
  }

  /**
   * Descriptors of locks that an IPAM plugin keeps if this process is killed. The next call then waits until the plugin
   * has ended, which is necessary because the plugin may be about to write a lease. If this process is not killed,
   * {@link release} frees the lock even if the plugin has left processes running.
   */
  get inheritable(): number[] {
    return this.heldVf === undefined ? [] : [this.heldVf.share()];
  }

  /**
   * Runs an action while no other call on the node rebinds a VF or moves an RDMA device.
   * @param deadline limit for getting the locks. It is a parameter because a rollback runs after the call's own
   * deadline.
   */
  whileNodeIsLocked<T>(deadline: number, action: () => T): T {
    const lock = this.session.state.nodeLock();
    this.acquire(lock, "the node's RDMA devices", deadline);
    try {
      lock.write(this.text());
      const goPluginLock = this.acquireGoLock(deadline);
      try {
        return action();
      } finally {
        goPluginLock?.release();
      }
    } finally {
      lock.release();
    }
  }

  /** Releases the VF's lock. */
  release(): void {
    this.heldVf?.release();
    this.heldVf = undefined;
  }

  /**
   * Takes the Go plugin's lock. Returns `undefined` if the lock's directory cannot exist: the Go plugin, which makes
   * that directory, too, then fails, so no process takes that lock. If the directory exists, the lock is required.
   */
  private acquireGoLock(deadline: number): Lock | undefined {
    const lock = attempt(`open the Go plugin's lock ${goLock}`, () => openGoLock(this.session.node.files));
    if (lock !== undefined) this.acquire(lock, `the Go plugin's lock ${goLock}`, deadline);
    return lock;
  }

  private acquire(lock: Lock, what: string, deadline: number): void {
    try {
      this.session.observe("wait", what, undefined, () => lock.acquire(deadline));
    } catch (error) {
      try {
        throw error instanceof TimeoutError ? this.busy(lock, what, error) : error;
      } finally {
        lock.release();
      }
    }
  }

  private busy(lock: Lock, what: string, timeout: TimeoutError): CniError {
    let holders: readonly LockHolder[] = [];
    let cause: Error = timeout;
    try {
      holders = lock.holders();
    } catch (error) {
      cause = new AggregateError([timeout, error], "cannot determine the holder of the lock either");
    }
    const holder = holderText(lock.read(), holders, this.session.node.clock.wall());
    return new CniError(codes.tryAgain, `${what} is busy: ${holder}`, { cause });
  }

  private dropPodFiles(containerId: string): boolean {
    if (this.podFiles?.pod !== containerKey(containerId)) return false;
    this.podFiles = undefined;
    return true;
  }

  private write(): void {
    this.heldVf?.write(this.text());
  }

  private text(): string {
    const { clock } = this.session.node;
    return encodeLockContents({
      owner: this.ownerName,
      predecessor: this.predecessorName,
      ownerBoot: this.bootOfOwner,
      hasUnreleasedLeases: this.unreleasedLeases,
      ownGuids: this.guids,
      confirmedGuid: this.confirmedGuid,
      podFiles: this.podFiles,
      holder: { pid: clock.pid, verb: this.caller, since: Math.round(clock.wall()) },
    });
  }
}

/**
 * Does something while this call has the lock of a VF.
 * @param caller for the error of a call that waits for the lock, e.g. "ADD of container c1".
 * @throws {CniError} code 11 if another call has the lock at the deadline.
 */
export function withVfLock<T>(
  session: Session,
  pci: string,
  caller: string,
  action: (session: VfSession) => T,
): T {
  const locks = new Locks(session, caller);
  try {
    attempt(`lock VF ${pci}`, () => {
      session.state.prepare();
      locks.acquireVf(pci);
    });
    return action({ ...session, locks });
  } finally {
    locks.release();
  }
}
