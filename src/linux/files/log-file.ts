import * as host from "host";
import { closeOnError } from "../close-on-error.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { appendWhole, TO_APPEND } from "./append.ts";

/**
 * File systems that keep files, and that may count no blocks: tmpfs (with size=0), ramfs, overlayfs and FUSE
 * (linux/magic.h, fs/fuse/inode.c). All others without blocks, such as procfs, sysfs and cgroup, have values of the
 * kernel instead of files: /proc/sys/kernel/core_pattern is a regular file of root.
 */
const UNCOUNTED = [0x01021994, 0x858458f6, 0x794c7630, 0x65735546];

/** LOCK_EX and LOCK_NB of linux/file.h. */
const LOCK_EX_NB = 2 | 4;

/** The requirements of a log file. */
export interface LogFile {
  readonly path: string;
  /** The beginning of each text, of ASCII characters. A file that begins otherwise belongs to another program. */
  readonly mark: string;
  readonly mode: number;
  /** Maximum length, bytes. */
  readonly limit: number;
}

/**
 * Appends a text to a log file, and creates the file if it does not exist. If the text cannot be written completely, no
 * part of it stays in the file. Never waits, and opens only regular files. If the file would become longer than its
 * limit, it is first renamed to `path`.1, which replaces an older file of that name, and a new file is created.
 * @throws {HostError} ELOOP for a link, EISDIR or EINVAL for another kind of file, EPERM for a file of another user,
 * EEXIST for a file of another program, EINVAL for a file of the kernel.
 */
export function appendToLog(file: LogFile, text: string): void {
  const bytes = host.utf8Encode(text);
  if (!appendUnlessFull(file, bytes)) appendUnlessFull({ ...file, limit: Number.POSITIVE_INFINITY }, bytes);
}

/** Appends, and returns true. If the file is full, renames it to "FILE.1", and returns false. */
function appendUnlessFull(file: LogFile, bytes: Uint8Array): boolean {
  const { fd, size } = openLog(file);
  try {
    if (size > 0 && size + bytes.length > file.limit && rotate(file.path, fd)) return false;
    appendWhole(fd, bytes, file.path);
    return true;
  } finally {
    host.close(fd);
  }
}

/**
 * Opens the file. It is checked before it is opened, because opening some devices has an effect (a watchdog starts), and
 * again afterwards, because the name can lead to another file then.
 */
function openLog({ path, mark, mode }: LogFile): { fd: number; size: number } {
  const present = host.lstat(path, ["ENOENT"]);
  if (present !== undefined) {
    requireOwn(present, path);
    // Another process can have renamed a full file in the meantime.
    valueUnlessErrno(["ENOENT"], undefined, () => requireStored(path, path));
  }
  return closeOnError(host.open(path, TO_APPEND, mode), (fd) => {
    const status = host.fstat(fd);
    requireOwn(status, path);
    requireStored(fd, path);
    if (status.size > 0 && host.pread(fd, mark.length) !== mark) host.fail("EEXIST", "open", path);
    return { fd, size: status.size };
  });
}

/** Another user could write anything into their own file, or read the log of all containers there. */
function requireOwn({ type, user }: host.FileStatus, path: string): void {
  if (type !== "file") {
    host.fail(type === "link" ? "ELOOP" : type === "directory" ? "EISDIR" : "EINVAL", "open", path);
  }
  if (user !== host.user()) host.fail("EPERM", "open", path);
}

/** Requires that a file is stored, and that writing to it does not change the kernel. */
function requireStored(file: string | number, path: string): void {
  const { type, blocks } = host.statfs(file);
  if (blocks === 0 && !UNCOUNTED.includes(type)) host.fail("EINVAL", "open", path);
}

/**
 * Renames a full log file, unless another process has renamed it already. The lock belongs to the file, not to its name.
 * @returns whether a new file can be created. If not, because another process is renaming the file at present, the text
 * becomes the last of the old file.
 */
function rotate(path: string, fd: number): boolean {
  if (host.flock(fd, LOCK_EX_NB, ["EAGAIN"]) === undefined) return false;
  const opened = host.fstat(fd);
  const named = host.lstat(path, ["ENOENT"]);
  if (named?.inode === opened.inode && named.device === opened.device) host.rename(path, `${path}.1`, 0);
  return true;
}
