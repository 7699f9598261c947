import * as host from "host";
import type { LockHolder } from "../../node/files.ts";
import { ENDED, processIds } from "../procfs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { readDirectory, readFile } from "./read.ts";

/** The errnos of reading /proc/<pid> if the process has ended, or if this process may not inspect it. */
const NOT_READABLE = [...ENDED, "EACCES", "EPERM"];

/**
 * Returns the processes that hold a lock by flock(2). /proc/locks does not suffice: it names the process that took the
 * lock, which may have ended, and not the processes that inherited the open file. /proc/<pid>/fdinfo shows the lock for
 * each of them (proc(5)). Reads the directories of all processes, so it is only used for an error message.
 * @param path path of the lock file.
 * @param fd the same file, opened by this process.
 */
export function lockHolders(path: string, fd: number): LockHolder[] {
  // "lock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF": the last part of "00:13:11691" is the inode.
  const lock = new RegExp(`^lock:.* FLOCK .*:${host.fstat(fd).inode} `, "m");
  // The directories can have other names in another mount namespace, so only the file name is compared.
  const name = path.slice(path.lastIndexOf("/"));
  const isHeldBy = (pid: string) =>
    valueUnlessUnreadable([], () => readDirectory(`/proc/${pid}/fd`)).some((number) =>
      valueUnlessUnreadable(
        false,
        () =>
          host.readLink(`/proc/${pid}/fd/${number}`).endsWith(name) &&
          lock.test(readFile(`/proc/${pid}/fdinfo/${number}`)),
      ),
    );
  return processIds()
    .filter(isHeldBy)
    .map((pid) =>
      describe(
        Number(pid),
        valueUnlessUnreadable("", () => readFile(`/proc/${pid}/status`)),
      ),
    );
}

function describe(pid: number, status: string): LockHolder {
  const field = (name: string) => new RegExp(`^${name}:\t(.*)$`, "m").exec(status)?.[1];
  // "NSpid:\t4711\t7"
  const pids = field("NSpid")?.split("\t").map(Number) ?? [pid];
  return { pid, pids, command: field("Name") ?? "", isStopped: field("State")?.startsWith("T") === true };
}

function valueUnlessUnreadable<T>(otherwise: T, read: () => T): T {
  return valueUnlessErrno(NOT_READABLE, otherwise, read);
}
