import * as host from "host";
import type { Clock } from "../../node/clock.ts";
import { type Files, LONGEST_FILE, type Lock } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";
import { parentOf } from "../../node/path.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import type { Waits } from "../waits.ts";
import { appendLocked } from "./append.ts";
import { createFile, createWhole, renameOrRemove } from "./create-file.ts";
import { LinuxLock, openLockFile } from "./lock.ts";
import { readDirectory, readRegularFile } from "./read.ts";

/** Mode of state files, and of the directories that they are in: root only. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** The errno of a call if the file does not exist. */
const ABSENT = ["ENOENT"];
/** The errnos of stat if the path does not lead to a file. */
const NOTHING_THERE = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];
/** W_OK | X_OK of unistd.h. */
const MAY_CREATE = 2 | 1;
/** RENAME_NOREPLACE of linux/fs.h, and AT_FDCWD of linux/fcntl.h. */
const RENAME_NOREPLACE = 1;
const AT_FDCWD = -100;
/** The errnos of file systems and kernels without RENAME_NOREPLACE. */
const UNSUPPORTED = ["EINVAL", "ENOSYS"];
/** How many names for a temporary file are tried. Each name is new on this machine, so the first try is enough. */
const TEMPORARY_NAMES = 10;

/** Files of the node. */
export class LinuxFiles implements Files {
  private temporaries = 0;

  constructor(
    private readonly clock: Clock,
    private readonly waits: Waits,
  ) {}

  read(path: string): string | undefined {
    return readRegularFile(path, LONGEST_FILE, ABSENT);
  }

  create(path: string, text: string): boolean {
    try {
      createWhole(path, text, FILE_MODE);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST") return false;
      if (errno !== "EOPNOTSUPP") throw error;
    }
    return this.createByRename(path, text);
  }

  link(from: string, to: string): boolean {
    try {
      host.link(AT_FDCWD, from, to, 0);
      return true;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      return false;
    }
  }

  inode(path: string): string | undefined {
    return host.lstat(path, ABSENT)?.inode;
  }

  patch(path: string, offset: number, text: string): void {
    const fd = host.open(path, host.O_WRONLY | host.O_NOFOLLOW | host.O_NONBLOCK, 0);
    try {
      const isShort = host.pwrite(fd, host.utf8Encode(text), offset, path) !== undefined;
      if (isShort) host.fail("EIO", "pwrite", path);
    } finally {
      host.close(fd);
    }
  }

  replaceForeign(path: string, text: string, mode: number, temporary: string): void {
    this.remove(temporary);
    createFile(temporary, text, mode);
    renameOrRemove(temporary, path, renameOver);
  }

  rename(from: string, to: string): void {
    renameOver(from, to);
  }

  remove(path: string): void {
    try {
      host.unlink(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EISDIR") this.removeDirectory(path);
      else if (errno !== "ENOENT") throw error;
    }
  }

  makeDirectory(path: string): void {
    // mkdir fails with EEXIST for a symbolic link, too, which can lead anywhere; so the type is checked first.
    if (this.hasDirectory(path)) return;
    try {
      host.mkdir(path, DIRECTORY_MODE);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST") return;
      const parent = parentOf(path);
      if (errno !== "ENOENT" || parent === "") throw error;
      this.makeParent(parent);
      // Another process can make the directory at the same time.
      valueUnlessErrno(["EEXIST"], undefined, () => host.mkdir(path, DIRECTORY_MODE));
    }
  }

  hasDirectory(path: string): boolean {
    const type = host.lstat(path, ABSENT)?.type;
    if (type !== undefined && type !== "directory") throw notDirectory(path, type);
    return type !== undefined;
  }

  permissions(path: string): host.FileStatus | undefined {
    // With the dot, lstat(2) follows a link.
    return host.lstat(`${path}/.`, ABSENT);
  }

  removeDirectory(path: string): void {
    valueUnlessErrno(["ENOENT", "ENOTEMPTY", "EEXIST"], undefined, () => host.rmdir(path));
  }

  requireWritable(path: string): boolean {
    // The dot makes the call fail with ENOTDIR if the path is a file.
    const inside = `${path}/.`;
    if (host.access(inside, MAY_CREATE, ABSENT) === undefined) return false;
    // A file system that does not count its blocks, or its files, reports 0 as their total.
    const { blocks, freeBlocks, files, freeFiles } = host.statfs(inside);
    const isFull = (blocks > 0 && freeBlocks === 0) || (files > 0 && freeFiles === 0);
    if (isFull) host.fail("ENOSPC", "statfs", inside);
    return true;
  }

  list(path: string): string[] {
    return readDirectory(path, ABSENT) ?? [];
  }

  isFile(path: string): boolean {
    return host.stat(path, NOTHING_THERE)?.type === "file";
  }

  modified(path: string): number | undefined {
    return host.lstat(path, ABSENT)?.modified;
  }

  exists(path: string): boolean {
    // EACCES: the path leads through the /proc directory of a process that this process may not inspect (proc(5)).
    return host.lstat(path, [...NOTHING_THERE, "EACCES"]) !== undefined;
  }

  addLine(
    path: string,
    line: string,
    limit: number,
    deadline: number,
    shorten: (text: string) => string,
  ): void {
    const append = () => appendLocked(path, line, FILE_MODE, limit, deadline);
    const full = this.waits.retryUntilDeadline(`the lock ${path}`, append);
    if (full === undefined) return;
    try {
      this.replaceForeign(path, shorten(`${this.read(path) ?? ""}${line}`), FILE_MODE, `${path}.new`);
    } finally {
      host.close(full);
    }
  }

  lock(path: string): Lock {
    return new LinuxLock(path, openLockFile(path, FILE_MODE), this.waits);
  }

  /**
   * Makes a parent directory. Symbolic links are followed here (/var/run is one): the administrator decides on them.
   */
  private makeParent(path: string): void {
    if (!this.isDirectory(path)) this.makeDirectory(path);
  }

  private isDirectory(path: string): boolean {
    return host.stat(path, ABSENT)?.type === "directory";
  }

  /** Creates a file on file systems without O_TMPFILE (NFS, FUSE, old overlayfs). A kill leaves the temporary file. */
  private createByRename(path: string, text: string): boolean {
    const temporary = this.writeTemporary(path, text);
    try {
      renameOrRemove(temporary, path, renameNew);
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    }
  }

  /**
   * Writes a temporary file beside `path`, and returns its path. Its name begins with a dot, which the name of a
   * container cannot, and is short, because the name of `path` can have the maximum length. The pid identifies the
   * process that left the file; the time makes the name unique if two processes have the same pid in different pid
   * namespaces.
   */
  private writeTemporary(path: string, text: string): string {
    for (let attempt = 1; ; attempt++) {
      const unique = `${this.clock.pid}-${Math.floor(this.clock.now() * 1000)}-${this.temporaries++}`;
      const temporary = `${parentOf(path)}/.tmp-${unique}`;
      try {
        createFile(temporary, text, FILE_MODE);
        return temporary;
      } catch (error) {
        if (errnoOf(error) !== "EEXIST" || attempt === TEMPORARY_NAMES) throw error;
      }
    }
  }
}

/** Renames a file. A file at `to` is replaced. */
export function renameOver(from: string, to: string): void {
  host.rename(from, to, 0);
}

/**
 * Renames a file, unless another file has the name (EEXIST). On a file system that cannot do this in one step, the file
 * has both names for a moment, which is harmless.
 */
export function renameNew(from: string, to: string): void {
  try {
    host.rename(from, to, RENAME_NOREPLACE);
  } catch (error) {
    if (!UNSUPPORTED.includes(errnoOf(error) ?? "")) throw error;
    host.link(AT_FDCWD, from, to, 0);
    host.unlink(from);
  }
}

/** Returns the error for a path that is not a directory, with the errno that the kernel uses for its type. */
function notDirectory(path: string, type: host.FileStatus["type"]): Error {
  const isLink = type === "link";
  const problem = isLink ? "is a symbolic link, which is not followed" : "is not a directory";
  return Object.assign(new Error(`${path} ${problem} (${isLink ? "ELOOP" : "ENOTDIR"}); remove it`), {
    code: isLink ? "ELOOP" : "ENOTDIR",
  });
}
