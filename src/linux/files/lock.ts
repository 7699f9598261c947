import * as host from "host";
import type { Lock, LockHolder } from "../../node/files.ts";
import type { Waits } from "../waits.ts";
import { lockHolders } from "./lock-holders.ts";

/**
 * Length of the file's text, bytes. All texts are padded to it, so that one write replaces a longer text completely.
 */
const TEXT_LENGTH = 1024;

/** A lock file, locked by flock(2). The open file holds the lock, and so does a child that inherits the descriptor. */
export class LinuxLock implements Lock {
  private released = false;
  private isShared = false;

  constructor(
    private readonly path: string,
    private readonly fd: number,
    private readonly waits: Waits,
  ) {}

  share(): number {
    this.isShared = true;
    return this.fd;
  }

  acquire(deadline: number): void {
    this.waits.retryUntilDeadline(`the lock ${this.path}`, () => host.lock(this.fd, deadline));
  }

  holders(): LockHolder[] {
    return lockHolders(this.path, this.fd);
  }

  read(): string {
    return host.readAt0(this.fd, TEXT_LENGTH);
  }

  write(text: string): void {
    try {
      host.writeAt0(this.fd, text, TEXT_LENGTH);
    } catch (cause) {
      // Most likely the disk is full. The error of the write has no path, from which a reader knows which disk it is.
      throw new Error(`write the lock file ${this.path}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
  }

  release(): void {
    // A second close could close a descriptor of the same number that was opened for another file since.
    if (this.released) return;
    this.released = true;
    try {
      // An IPAM plugin can leave a process behind that has the descriptor, and would hold the lock as long as it runs.
      if (this.isShared) host.unlock(this.fd);
    } finally {
      host.close(this.fd);
    }
  }
}
