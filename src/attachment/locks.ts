import { CniError, codes } from "../cni/errors.ts";
import { TimeoutError } from "../node/clock.ts";
import type { Files, Lock, LockHolder } from "../node/files.ts";
import { errnoOf, type Node } from "../node/node.ts";
import { attempt } from "./failure.ts";
import type { Limits } from "./limits.ts";
import { heldBy } from "./lock-holder.ts";
import { lockNoteIn, lockText } from "./lock-note.ts";
import { type AttachmentName, isNamed } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";

/** The Go plugin's lock, which it holds through a whole call. Honoured, so that both can run on one node. */
const referenceDirectory = "/var/run/cni/ib-sriov";
const referenceLock = `${referenceDirectory}/cni.lock`;

/**
 * What mkdir answers where a directory cannot be, today or tomorrow: a file system without /run, one that is
 * read-only, a file in its place, a policy that forbids it. A full disk, say, is none of these: it passes.
 */
const unmakeable = ["ENOENT", "EROFS", "ENOTDIR", "EACCES", "EPERM"];

/**
 * The locks of one call, always taken in this order: the VF's for the whole call, then, for as long as a
 * rebind takes, the node's and the Go plugin's. Never held while waiting for an IPAM plugin: those two.
 */
export class Locks {
  #vf: Lock | undefined;
  #owner: AttachmentName | undefined;
  #predecessor: AttachmentName | undefined;
  #owes = false;

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
    this.#acquire(lock, `VF ${pci}`, this.limits.deadline);
    this.#vf = lock;
    const { owner, predecessor, owes } = lockNoteIn(lock.read());
    this.#owes = owes;
    // Claimed, but killed before it had a record: then nothing has changed hands.
    const hasRecord = (name: AttachmentName) => this.state.find(name)?.record?.vf.pci === pci;
    const isMade = predecessor === undefined || (owner !== undefined && hasRecord(owner));
    this.#owner = isMade ? owner : predecessor;
    this.#predecessor = isMade ? predecessor : undefined;
    this.#write();
  }

  /** Who the VF belongs to, as its lock file says. */
  get owner(): AttachmentName | undefined {
    return this.#owner;
  }

  /** Whom the owner took it over from, where it was killed before it was done with that. */
  get predecessor(): AttachmentName | undefined {
    return this.#predecessor;
  }

  /**
   * Says who will have a record of this VF next. Both names stand there until {@link setOwner}, so that
   * whoever comes after a kill finds the one record or the other.
   */
  claim(owner: AttachmentName): void {
    this.#predecessor = isNamed(this.#owner, owner) ? undefined : this.#owner;
    this.#owner = owner;
    this.#write();
  }

  /** Hands the VF to an attachment for good. */
  setOwner(owner: AttachmentName): void {
    if (isNamed(this.#owner, owner) && this.#predecessor === undefined) return;
    this.#owner = owner;
    this.#predecessor = undefined;
    this.#write();
  }

  /** Are there leases that dead attachments of this VF still owe? */
  get owes(): boolean {
    return this.#owes;
  }

  /** Says that there will be. To be called before. */
  owe(): void {
    if (this.#owes) return;
    this.#owes = true;
    this.#write();
  }

  /** Says that there are none any more. */
  settle(): void {
    this.#owes = false;
    this.#write();
  }

  /** The owner has no record any more: the VF is its predecessor's again, where that has not been settled yet. */
  disown(): void {
    this.#owner = this.#predecessor;
    this.#predecessor = undefined;
    this.#write();
  }

  /**
   * Descriptors of locks that a child shall keep after our death: whoever comes next then waits for the
   * child's end, which it must, since the child may be about to write down a lease.
   */
  get inheritable(): number[] {
    return this.#vf === undefined ? [] : [this.#vf.fd];
  }

  /**
   * Does something while nobody else on the node rebinds a VF or moves an RDMA device.
   * @param deadline of its own, since putting back begins when the call's time may be over.
   */
  whileNodeIsLocked<T>(deadline: number, action: () => T): T {
    const lock = this.state.nodeLock();
    this.#acquire(lock, "the node's RDMA devices", deadline);
    try {
      lock.write(this.#text());
      const reference = this.#acquireReference(deadline);
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
    this.#vf?.release();
    this.#vf = undefined;
  }

  /**
   * The Go plugin makes the directory of its lock, too, and fails where that cannot be: then nobody takes that
   * lock. Where the directory is, the lock must be had.
   */
  #acquireReference(deadline: number): Lock | undefined {
    const { files } = this.node;
    const lock = attempt(`open the Go plugin's lock ${referenceLock}`, () =>
      isMade(files, referenceDirectory) ? files.lock(referenceLock) : undefined,
    );
    if (lock !== undefined) this.#acquire(lock, `the Go plugin's lock ${referenceLock}`, deadline);
    return lock;
  }

  #acquire(lock: Lock, what: string, deadline: number): void {
    try {
      this.limits.observe("wait", what, undefined, () => lock.acquire(deadline));
    } catch (error) {
      const reason = error instanceof TimeoutError ? this.#busy(lock, what, error) : error;
      lock.release();
      throw reason;
    }
  }

  #busy(lock: Lock, what: string, timeout: TimeoutError): CniError {
    let holders: readonly LockHolder[] = [];
    let cause: Error = timeout;
    try {
      holders = lock.holders();
    } catch (error) {
      cause = new AggregateError([timeout, error], "nor can its holder be found out");
    }
    const holder = heldBy(lock.read(), holders, this.node.clock.wall());
    return new CniError(codes.tryAgain, `${what} is busy: ${holder}`, { cause });
  }

  #write(): void {
    this.#vf?.write(this.#text());
  }

  #text(): string {
    const { clock } = this.node;
    return lockText({
      owner: this.#owner,
      predecessor: this.#predecessor,
      owes: this.#owes,
      holder: { pid: clock.pid, verb: this.verb, since: Math.round(clock.wall()) },
    });
  }
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
