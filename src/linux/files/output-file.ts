import * as host from "host";
import { errnoOf } from "../../node/node.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { createFilledFile, renameOrRemove } from "./create-file.ts";
import { renameNew, renameOver } from "./files.ts";

const ABSENT = ["ENOENT"];
/** SEEK_CUR of unistd.h. */
const SEEK_CUR = 1;

/** A file that the caller of a command names for its output. */
export interface OutputFile {
  readonly path: string;
  readonly mode: number;
  /** Whether a regular file can be replaced. */
  readonly mayExist: boolean;
}

/**
 * Lets a function write an output file. A regular file gets its name only when it is complete; it replaces a file in one
 * step. Devices, such as /dev/null, and pipes stay, and are written to. Links are followed.
 * @throws {Error} if the path leads to a directory, to a disk, to a file that must not be replaced, or over a link of
 *   another user, who could choose the file that this process overwrites.
 */
export function fillOutputFile(file: OutputFile, fill: (fd: number) => void): void {
  const { path, mayExist } = file;
  const target = targetOf(path);
  const type = host.stat(path, ABSENT)?.type;
  if (type === "directory") throw new Error(`${path} is a directory; name a file`);
  if (type === "file" && !mayExist) throw existing(path);
  if (type === "other") fillSpecialFile(path, fill);
  else createOrReplace(target, file, fill);
}

function createOrReplace(target: string, { path, mode, mayExist }: OutputFile, fill: (fd: number) => void) {
  const temporary = `${target}.${host.getpid()}.tmp`;
  // A killed process with the same pid can have left it.
  valueUnlessErrno(ABSENT, undefined, () => host.unlink(temporary));
  createFilledFile(temporary, mode, fill);
  try {
    renameOrRemove(temporary, target, mayExist ? renameOver : renameNew);
  } catch (error) {
    throw errnoOf(error) === "EEXIST" ? existing(path) : error;
  }
}

function existing(path: string): Error {
  return new Error(`${path} exists already; name a new file`);
}

/** Follows the links to a regular file, so that the file is replaced, and not the link. */
function targetOf(path: string): string {
  let target = path;
  while (isTrustedLink(target)) {
    // A link of /proc to a pipe leads to no path.
    if (host.stat(target, ABSENT)?.type === "other") return target;
    const next = host.readLink(target);
    target = next.startsWith("/") ? next : target.slice(0, target.lastIndexOf("/") + 1) + next;
  }
  return target;
}

/** @throws {Error} if the path is a link that neither root nor the user of this process has made. */
function isTrustedLink(path: string): boolean {
  const status = host.lstat(path, ABSENT);
  if (status?.type !== "link") return false;
  if (status.user === 0 || status.user === host.user()) return true;
  throw new Error(
    `${path} is a symbolic link of user ${status.user}, which is not followed; name another file`,
  );
}

function fillSpecialFile(path: string, fill: (fd: number) => void): void {
  const isCharacterDevice = host.deviceNumber(path, []) !== undefined;
  const fd = isCharacterDevice ? host.open(path, host.O_WRONLY, 0) : openPipe(path);
  try {
    fill(fd);
  } finally {
    host.close(fd);
  }
}

/** Opens a named pipe. Without O_NONBLOCK, the call would wait for a reader. */
function openPipe(path: string): number {
  const probe = host.open(path, host.O_WRONLY | host.O_NONBLOCK, 0, ["ENXIO"]);
  if (probe === undefined)
    throw new Error(
      `${path} is a pipe that no process reads, a socket, or a disk without a driver (ENXIO); start the reader, or name a file`,
    );
  try {
    if (isSeekable(probe)) throw new Error(`${path} is a disk; name a file`);
    // Writes to this descriptor wait while the pipe is full.
    return host.open(path, host.O_WRONLY, 0);
  } finally {
    host.close(probe);
  }
}

/** Reports whether a file has positions, which a pipe has not. */
function isSeekable(fd: number): boolean {
  try {
    host.lseek(fd, 0, SEEK_CUR);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "ESPIPE") throw error;
    return false;
  }
}
