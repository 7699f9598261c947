import type { LockHolder } from "../../../src/node/files.ts";
import type { FileTree } from "./files.ts";

/** An open file description: what flock(2) belongs to. A child that inherits it keeps it, and the lock, open. */
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

  /** Somebody inherits it. */
  share(heir: LockHolder): void {
    this.holders.add(heir);
  }

  /** Takes the lock if nobody else has it. */
  tryLock(): boolean {
    const holder = this.tree.locks.get(this.path);
    if (holder !== undefined && holder !== this) return false;
    this.tree.locks.set(this.path, this);
    return true;
  }

  /** LOCK_UN, by any process that has it open: frees the lock for all of them. */
  unlock(): void {
    if (this.tree.locks.get(this.path) === this) this.tree.locks.delete(this.path);
  }

  /** The last one who closes it frees the lock. */
  close(holder: LockHolder): void {
    this.holders.delete(holder);
    if (this.holders.size === 0) this.unlock();
  }
}
