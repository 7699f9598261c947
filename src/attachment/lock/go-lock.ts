import type { Files, Lock } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";

/**
 * The Go plugin's lock, which the Go plugin holds during a whole call. ib-sriov takes it, so that both can run on one
 * node.
 */
const goLockDirectory = "/var/run/cni/ib-sriov";
export const goLock = `${goLockDirectory}/cni.lock`;

/**
 * The errors of mkdir that mean that the directory can never exist: a file system without /run, a read-only file
 * system, a file in its place, a policy that forbids it. A temporary error, such as a full disk, is not in this list.
 */
const permanentErrors = ["ENOENT", "EROFS", "ENOTDIR", "EACCES", "EPERM"];

/**
 * Opens the Go plugin's lock file. Symbolic links in its path are followed, as the Go plugin does. Returns `undefined`
 * if the directory does not exist and cannot be made.
 */
export function openGoLock(files: Files): Lock | undefined {
  try {
    return files.lock(goLock);
  } catch (error) {
    if (!permanentErrors.includes(errnoOf(error) ?? "")) throw error;
  }
  return makeDirectory(files, goLockDirectory) ? files.lock(goLock) : undefined;
}

/** Makes a directory; returns false if it does not exist and cannot be made. */
function makeDirectory(files: Files, directory: string): boolean {
  try {
    files.makeDirectory(directory);
    return true;
  } catch (error) {
    if (permanentErrors.includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}
