import * as host from "host";
import type { Lock, LockHolder } from "../../node/files.ts";
import type { Waits } from "../waits.ts";
import { lockHolders } from "./lock-holders.ts";

/** Bytes of its text. It is always as long, so that one write replaces a longer one before it. */
const room = 1024;

/** A lock file, by flock(2): it is held by the open file, and so also by a child that inherits it. */
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
    return host.readAt0(this.fd, room);
  }

  write(text: string): void {
    try {
      host.writeAt0(this.fd, text, room);
    } catch (cause) {
      // A full disk, most likely; of the descriptor alone nobody could tell which.
      throw new Error(`write the lock file ${this.path}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
  }

  release(): void {
    // A second close could hit a descriptor that has since been opened for something else.
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
