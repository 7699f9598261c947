import * as host from "host";
import { LONGEST_LOCK_TEXT, type Lock, type LockHolder } from "../../node/files.ts";
import { closeOnError } from "../close-on-error.ts";
import type { Waits } from "../waits.ts";
import { lockHolders } from "./lock-holders.ts";

/** The byte of a space. */
const SPACE = 0x20;

/** LOCK_UN of linux/file.h. */
const LOCK_UN = 8;

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
    this.waits.retryUntilDeadline(`the lock ${this.path}`, () => host.lock(this.fd, deadline, this.path));
  }

  holders(): LockHolder[] {
    return lockHolders(this.path, this.fd);
  }

  read(): string {
    return readPadded(this.fd, LONGEST_LOCK_TEXT);
  }

  write(text: string): void {
    try {
      // All texts are padded to one length, so that one write replaces a longer text completely.
      writePadded(this.fd, text, LONGEST_LOCK_TEXT);
    } catch (cause) {
      // Adds the path, which the error of write(2) lacks. Most likely the disk is full, and the path shows which disk.
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
      // LOCK_UN releases the lock for every process that shares the open file.
      if (this.isShared) host.flock(this.fd, LOCK_UN);
    } finally {
      host.close(this.fd);
    }
  }
}

/** Opens a lock file for reading and writing, and creates it if needed. Does not follow a link, and does not lock. */
export function openLockFile(path: string, mode: number): number {
  const flags = host.O_RDWR | host.O_CREAT | host.O_NOFOLLOW | host.O_NONBLOCK;
  return closeOnError(host.open(path, flags, mode), (fd) => {
    if (host.fstat(fd).type !== "file") host.fail("EINVAL", "open", path);
    return fd;
  });
}

/** Reads up to `length` bytes from offset 0, without the padding of {@link writePadded}. */
export function readPadded(fd: number, length: number): string {
  return host.pread(fd, length).trimEnd();
}

/** Writes a text at offset 0 with one pwrite(2), padded with spaces to `length` bytes. Does not truncate the file. */
export function writePadded(fd: number, text: string, length: number): void {
  const bytes = host.utf8Encode(text);
  if (bytes.length > length) host.fail("EFBIG", "pwrite", `fd ${fd}`);
  const padded = new Uint8Array(length).fill(SPACE);
  padded.set(bytes);
  if (host.pwrite(fd, padded, 0) !== undefined) host.fail("EIO", "pwrite", `fd ${fd}`);
}
