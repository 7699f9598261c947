import * as host from "host";
import { parentOf } from "../../node/path.ts";

/** Constants of linux/fcntl.h. */
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_EMPTY_PATH = 0x1000;

const NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW;

/** Creates a file (O_EXCL, O_NOFOLLOW), writes it, and closes it. After a failure no file is left. */
export function createFile(path: string, text: string, mode: number): void {
  createFilledFile(path, mode, (fd) => writeAll(fd, host.utf8Encode(text), path));
}

/** Creates a file as {@link createFile} does, and lets a function write its content. */
export function createFilledFile(path: string, mode: number, fill: (fd: number) => void): void {
  const fd = host.open(path, NEW, mode);
  let isOpen = true;
  try {
    fill(fd);
    isOpen = false;
    // Some file systems report only here that the disk is full.
    host.close(fd, path);
  } catch (error) {
    if (isOpen) ignoreErrors(() => host.close(fd));
    ignoreErrors(() => host.unlink(path));
    throw error;
  }
}

/** Gives a temporary file its name by `rename`, and removes the file if that fails. */
export function renameOrRemove(from: string, to: string, rename: (from: string, to: string) => void): void {
  try {
    rename(from, to);
  } catch (error) {
    ignoreErrors(() => host.unlink(from));
    throw error;
  }
}

/**
 * Creates a file, which gets its name (an absolute path) only when all of `text` is in it: O_TMPFILE, write, linkat. A
 * kill leaves no file.
 * @throws {HostError} EEXIST if the name is taken; EOPNOTSUPP if the file system does not have O_TMPFILE.
 */
export function createWhole(path: string, text: string, mode: number): void {
  const fd = host.open(parentOf(path) || "/", host.O_WRONLY | host.O_TMPFILE, mode);
  try {
    writeAll(fd, host.utf8Encode(text), path);
    nameFile(fd, path);
  } finally {
    host.close(fd);
  }
}

/**
 * Gives a file without a name (O_TMPFILE) a path. AT_EMPTY_PATH needs CAP_DAC_READ_SEARCH; a process without it links
 * /proc/self/fd/N instead (open(2)).
 */
function nameFile(fd: number, path: string): void {
  try {
    host.link(fd, "", path, AT_EMPTY_PATH);
  } catch (error) {
    if ((error as host.HostError).code === "EEXIST") throw error;
    host.link(AT_FDCWD, `/proc/self/fd/${fd}`, path, AT_SYMLINK_FOLLOW);
  }
}

/** Writes all bytes. After a short write, the next write reports the reason. */
export function writeAll(fd: number, bytes: Uint8Array, path: string): void {
  let rest = bytes;
  for (;;) {
    const written = host.write(fd, rest, path);
    if (written === undefined) return;
    rest = rest.subarray(written);
  }
}

/** Makes a call of a cleanup, whose error must not replace the error that is the reason for the cleanup. */
function ignoreErrors(call: () => void): void {
  try {
    call();
  } catch {
    // The caller throws the error that comes first.
  }
}
