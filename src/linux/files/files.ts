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
/** What is answered where there is no such file. */
const ABSENT = ["ENOENT"];
/** What stat answers where a path leads to nothing. */
const NOTHING_THERE = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];
/** How many names for a temporary file are tried. Each is new to this machine, so one is enough. */
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
    // mkdir would take a link, which leads somewhere else, for a directory that is there already.
    if (this.hasDirectory(path)) return;
    try {
      host.mkdir(path, DIRECTORY_MODE);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EEXIST") return;
      const parent = parentOf(path);
      if (errno !== "ENOENT" || parent === "") throw error;
      this.makeParent(parent);
      // Somebody else may make it, too, in this moment.
      valueUnlessErrno(["EEXIST"], undefined, () => host.mkdir(path, DIRECTORY_MODE));
    }
  }

  hasDirectory(path: string): boolean {
    const there = host.stat(path, false, ABSENT)?.type;
    if (there !== undefined && there !== "directory") throw notDirectory(path, there);
    return there !== undefined;
  }

  removeDirectory(path: string): void {
    valueUnlessErrno(["ENOENT", "ENOTEMPTY", "EEXIST"], undefined, () => host.rmdir(path));
  }

  requireWritable(path: string): boolean {
    // The dot: a file that stands in its place is ENOTDIR.
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
    // EACCES: it leads through a process that we may not look into (proc(5)).
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

  /** Where a directory of ours is, is the administrator's affair: links (/var/run is one) are followed here. */
  private makeParent(path: string): void {
    if (!this.isDirectory(path)) this.makeDirectory(path);
  }

  private isDirectory(path: string): boolean {
    return host.stat(path, true, ABSENT)?.type === "directory";
  }

  /** For file systems without nameless files (NFS, FUSE, old overlayfs): a kill in the middle leaves the temporary one. */
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
   * Writes a file beside `path`. Its name begins with a dot, which no container's can, and is short, since
   * that of `path` may be as long as a name can be. The pid says who left it; the time makes it new even
   * where two of us have the same pid in pid namespaces of their own.
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

/** What stands where a directory should be. Carries the errno that the kernel has for it. */
function notDirectory(path: string, type: host.FileStatus["type"]): Error {
  const isLink = type === "link";
  const what = isLink ? "is a link, which is not followed" : "is no directory";
  return Object.assign(new Error(`${path} ${what} (${isLink ? "ELOOP" : "ENOTDIR"}); remove it`), {
    code: isLink ? "ELOOP" : "ENOTDIR",
  });
}

/** The directory of an absolute path, "" for what is in the root. */
