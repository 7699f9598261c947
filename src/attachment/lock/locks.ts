import { CniError, codes } from "../../cni/errors.ts";
import { TimeoutError } from "../../node/clock.ts";
import type { Files, Lock, LockHolder } from "../../node/files.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type AttachmentName, isNamed } from "../record/record.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { encodeLockContents, type OwnGuids, parseLockContents } from "./contents.ts";
import { describeHolder } from "./holder.ts";

/** The Go plugin's lock, which it holds through a whole call. Honoured, so that both can run on one node. */
const referenceDirectory = "/var/run/cni/ib-sriov";
const referenceLock = `${referenceDirectory}/cni.lock`;

/**
 * What mkdir answers where a directory cannot be, today or tomorrow: a file system without /run, one that is
 * read-only, a file in its place, a policy that forbids it. A full disk, say, is none of these: it passes.
 */
const unmakeable = ["ENOENT", "EROFS", "ENOTDIR", "EACCES", "EPERM"];

/**
 * The locks of one call, always taken in this order: the VF's for the whole call, then the node's and the Go plugin's,
 * until a rebind or a move of an RDMA device has given out its numbers. These two are never held while an IPAM plugin
 * or a netdev is waited for.
 */
export class Locks {
  private heldVf: Lock | undefined;
  private ownerName: AttachmentName | undefined;
  private predecessorName: AttachmentName | undefined;
  private bootOfOwner: string | undefined;
  private owesLeases = false;
  private guids: OwnGuids | undefined;

  constructor(
    private readonly node: Node,
    private readonly state: StateDirectory,
    private readonly limits: Pick<Limits, "deadline" | "observe">,
    private readonly verb: string,
  ) {}

  /**
   * Takes the VF's lock.
   * @throws {CniError} code 11 at the deadline, naming the holder.
   */
  acquireVf(pci: string): void {
    const lock = this.state.vfLock(pci);
    this.acquire(lock, `VF ${pci}`, this.limits.deadline);
    this.heldVf = lock;
    const { owner, predecessor, ownerBoot, owes, ownGuids } = parseLockContents(lock.read());
    this.bootOfOwner = ownerBoot;
    this.owesLeases = owes;
    this.guids = ownGuids;
    // Claimed, but killed before it had a record: then nothing has changed hands.
    const hasRecord = (name: AttachmentName) => this.state.find(name)?.record?.vf.pci === pci;
    const isMade = predecessor === undefined || (owner !== undefined && hasRecord(owner));
    this.ownerName = isMade ? owner : predecessor;
    this.predecessorName = isMade ? predecessor : undefined;
    this.write();
  }

  /** Who the VF belongs to, as its lock file says. */
  get owner(): AttachmentName | undefined {
    return this.ownerName;
  }

  /** The boot of the machine in which the owner claimed the VF; `undefined` if the lock file does not say. */
  get ownerBoot(): string | undefined {
    return this.bootOfOwner;
  }

  /** Whom the owner took it over from, where it was killed before it was done with that. */
  get predecessor(): AttachmentName | undefined {
    return this.predecessorName;
  }

  /** The VF's own GUIDs, if an attachment has given it others and has not ended in order. */
  get ownGuids(): OwnGuids | undefined {
    return this.guids;
  }

  /**
   * Says who will have a record of this VF next. Both names stand there until {@link setOwner}, so that
   * whoever comes after a kill finds the one record or the other.
   * @param ownGuids if the attachment gives the VF others.
   */
  claim(owner: AttachmentName, ownGuids: OwnGuids | undefined): void {
    this.bootOfOwner = this.node.clock.bootId();
    this.guids = ownGuids;
    this.predecessorName = isNamed(this.ownerName, owner) ? undefined : this.ownerName;
    this.ownerName = owner;
    this.write();
  }

  /** Hands the VF to an attachment for good. */
  setOwner(owner: AttachmentName): void {
    if (isNamed(this.ownerName, owner) && this.predecessorName === undefined) return;
    this.bootOfOwner = this.node.clock.bootId();
    this.ownerName = owner;
    this.predecessorName = undefined;
    this.write();
  }

  /** Are there leases that dead attachments of this VF still owe? */
  get hasPendingReleases(): boolean {
    return this.owesLeases;
  }

  /** Says that there will be. To be called before. */
  notePendingRelease(): void {
    if (this.owesLeases) return;
    this.owesLeases = true;
    this.write();
  }

  /** Says that there are none any more. */
  clearPendingReleases(): void {
    this.owesLeases = false;
    this.write();
  }

  /** The owner is of an earlier boot, and its record cannot be read: there is nothing to return to. */
  forgetOwner(): void {
    this.ownerName = undefined;
    this.predecessorName = undefined;
  }

  /**
   * The owner has no record any more, and the VF runs with its own GUIDs: the VF is its predecessor's again, where that has
   * not been settled yet.
   */
  clearOwner(): void {
    this.guids = undefined;
    this.withdrawClaim();
  }

  /** There will be no record of the owner, and it has changed nothing. */
  withdrawClaim(): void {
    this.ownerName = this.predecessorName;
    this.predecessorName = undefined;
    this.write();
  }

  /**
   * Descriptors of locks that an IPAM plugin keeps if this process is killed: the next call then waits until the plugin
   * has ended, which it must, because the plugin can be about to write down a lease. If this process is not killed,
   * {@link release} frees the lock whatever the plugin has left running.
   */
  get inheritable(): number[] {
    return this.heldVf === undefined ? [] : [this.heldVf.share()];
  }

  /**
   * Does something while nobody else on the node rebinds a VF or moves an RDMA device.
   * @param deadline of its own, since putting back begins when the call's time may be over.
   */
  whileNodeIsLocked<T>(deadline: number, action: () => T): T {
    const lock = this.state.nodeLock();
    this.acquire(lock, "the node's RDMA devices", deadline);
    try {
      lock.write(this.text());
      const reference = this.acquireReference(deadline);
      try {
        return action();
      } finally {
        reference?.release();
      }
    } finally {
      lock.release();
    }
  }

  /** Gives the VF's lock back. */
  release(): void {
    this.heldVf?.release();
    this.heldVf = undefined;
  }

  /**
   * The Go plugin makes the directory of its lock, too, and fails where that cannot be: then nobody takes that
   * lock. Where the directory is, the lock must be had.
   */
  private acquireReference(deadline: number): Lock | undefined {
    const lock = attempt(`open the Go plugin's lock ${referenceLock}`, () => openReference(this.node.files));
    if (lock !== undefined) this.acquire(lock, `the Go plugin's lock ${referenceLock}`, deadline);
    return lock;
  }

  private acquire(lock: Lock, what: string, deadline: number): void {
    try {
      this.limits.observe("wait", what, undefined, () => lock.acquire(deadline));
    } catch (error) {
      const reason = error instanceof TimeoutError ? this.busy(lock, what, error) : error;
      lock.release();
      throw reason;
    }
  }

  private busy(lock: Lock, what: string, timeout: TimeoutError): CniError {
    let holders: readonly LockHolder[] = [];
    let cause: Error = timeout;
    try {
      holders = lock.holders();
    } catch (error) {
      cause = new AggregateError([timeout, error], "nor can its holder be found out");
    }
    const holder = describeHolder(lock.read(), holders, this.node.clock.wall());
    return new CniError(codes.tryAgain, `${what} is busy: ${holder}`, { cause });
  }

  private write(): void {
    this.heldVf?.write(this.text());
  }

  private text(): string {
    const { clock } = this.node;
    return encodeLockContents({
      owner: this.ownerName,
      predecessor: this.predecessorName,
      ownerBoot: this.bootOfOwner,
      owes: this.owesLeases,
      ownGuids: this.guids,
      holder: { pid: clock.pid, verb: this.verb, since: Math.round(clock.wall()) },
    });
  }
}

/** Wherever links lead on the way, as for the Go plugin; undefined where its directory is not there and can not be. */
function openReference(files: Files): Lock | undefined {
  try {
    return files.lock(referenceLock);
  } catch (error) {
    if (!unmakeable.includes(errnoOf(error) ?? "")) throw error;
  }
  return isMade(files, referenceDirectory) ? files.lock(referenceLock) : undefined;
}

/** Makes a directory; false where it is not there and can not be. */
function isMade(files: Files, directory: string): boolean {
  try {
    files.makeDirectory(directory);
    return true;
  } catch (error) {
    if (unmakeable.includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}
