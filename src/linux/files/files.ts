import * as host from "host";
import type { Clock } from "../../node/clock.ts";
import { type Files, LONGEST_FILE, type Lock } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";
import { parentOf } from "../pci/path.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import type { Waits } from "../waits.ts";
import { LinuxLock } from "./lock.ts";

/** Mode of state files, and of the directories that they are in: root only. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** The errno of a call if the file does not exist. */
const ABSENT = ["ENOENT"];
/** The errnos of stat if the path does not lead to a file. */
const NOTHING_THERE = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];
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
    return host.readRegularFile(path, LONGEST_FILE, ABSENT);
  }

  create(path: string, text: string): boolean {
    try {
      host.createWhole(path, text, FILE_MODE);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST") return false;
      if (errno !== "EOPNOTSUPP") throw error;
    }
    return this.createByRename(path, text);
  }

  patch(path: string, offset: number, text: string): void {
    host.patchFile(path, offset, text);
  }

  replaceForeign(path: string, text: string, mode: number, temporary: string): void {
    this.remove(temporary);
    host.createFile(temporary, text, mode);
    try {
      host.rename(temporary, path);
    } catch (error) {
      this.remove(temporary);
      throw error;
    }
  }

  rename(from: string, to: string): void {
    host.rename(from, to);
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
    const type = host.stat(path, false, ABSENT)?.type;
    if (type !== undefined && type !== "directory") throw notDirectory(path, type);
    return type !== undefined;
  }

  removeDirectory(path: string): void {
    valueUnlessErrno(["ENOENT", "ENOTEMPTY", "EEXIST"], undefined, () => host.rmdir(path));
  }

  requireWritable(path: string): boolean {
    // The dot makes the call fail with ENOTDIR if the path is a file.
    return host.requireWritable(`${path}/.`, ABSENT) === true;
  }

  list(path: string): string[] {
    return host.readDirectory(path, ABSENT) ?? [];
  }

  isFile(path: string): boolean {
    return host.stat(path, true, NOTHING_THERE)?.type === "file";
  }

  modified(path: string): number | undefined {
    return host.stat(path, false, ABSENT)?.modified;
  }

  exists(path: string): boolean {
    // EACCES: the path leads through the /proc directory of a process that this process may not inspect (proc(5)).
    return host.stat(path, false, [...NOTHING_THERE, "EACCES"]) !== undefined;
  }

  addLine(
    path: string,
    line: string,
    limit: number,
    deadline: number,
    shorten: (text: string) => string,
  ): void {
    const append = () => host.appendLocked(path, line, FILE_MODE, limit, deadline);
    const full = this.waits.retryUntilDeadline(`the lock ${path}`, append);
    if (full === undefined) return;
    try {
      this.replaceForeign(path, shorten(`${this.read(path) ?? ""}${line}`), FILE_MODE, `${path}.new`);
    } finally {
      host.close(full);
    }
  }

  lock(path: string): Lock {
    return new LinuxLock(path, host.openLock(path, FILE_MODE), this.waits);
  }

  /**
   * Makes a parent directory. Symbolic links are followed here (/var/run is one): the administrator decides on them.
   */
  private makeParent(path: string): void {
    if (!this.isDirectory(path)) this.makeDirectory(path);
  }

  private isDirectory(path: string): boolean {
    return host.stat(path, true, ABSENT)?.type === "directory";
  }

  /** Creates a file on file systems without O_TMPFILE (NFS, FUSE, old overlayfs). A kill leaves the temporary file. */
  private createByRename(path: string, text: string): boolean {
    const temporary = this.writeTemporary(path, text);
    try {
      host.rename(temporary, path, true);
      return true;
    } catch (error) {
      this.remove(temporary);
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
        host.createFile(temporary, text, FILE_MODE);
        return temporary;
      } catch (error) {
        if (errnoOf(error) !== "EEXIST" || attempt === TEMPORARY_NAMES) throw error;
      }
    }
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
