import type { FileTree } from "./files.ts";

/** An open file description: what flock(2) belongs to. A child that inherits it keeps it, and the lock, open. */
export class OpenFile {
  #holders = 1;

  constructor(
    private readonly tree: FileTree,
    readonly path: string,
  ) {}

  /** Somebody inherits it. */
  share(): void {
    this.#holders++;
  }

  /** Takes the lock if nobody else has it. */
  tryLock(): boolean {
    const holder = this.tree.locks.get(this.path);
    if (holder !== undefined && holder !== this) return false;
    this.tree.locks.set(this.path, this);
    return true;
  }

  /** The last one who closes it frees the lock. */
  close(): void {
    this.#holders--;
    if (this.#holders === 0 && this.tree.locks.get(this.path) === this) this.tree.locks.delete(this.path);
  }
}
