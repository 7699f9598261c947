import type { LockHolder } from "../../../src/node/files.ts";
import type { FileTree } from "./files.ts";

/**
 * An open file description, to which a flock(2) lock belongs. A child that inherits it keeps it, and the lock, open.
 */
export class OpenFile {
  /** The processes that have it open. */
  readonly holders: Set<LockHolder>;

  constructor(
    private readonly tree: FileTree,
    readonly path: string,
    opener: LockHolder,
  ) {
    this.holders = new Set([opener]);
  }

  /** Lets a child process inherit it. */
  share(heir: LockHolder): void {
    this.holders.add(heir);
  }

  /** Takes the lock if no other open file has it. */
  tryLock(): boolean {
    const holder = this.tree.locks.get(this.path);
    if (holder !== undefined && holder !== this) return false;
    this.tree.locks.set(this.path, this);
    return true;
  }

  /** LOCK_UN by any process that has it open: releases the lock for all of them. */
  unlock(): void {
    if (this.tree.locks.get(this.path) === this) this.tree.locks.delete(this.path);
  }

  /** Closes it for a process; the last close releases the lock. */
  close(holder: LockHolder): void {
    this.holders.delete(holder);
    if (this.holders.size === 0) this.unlock();
  }
}
