import * as host from "host";
import type { LockHolder } from "../../node/files.ts";
import { ENDED, processIds } from "../processes.ts";
import { valueUnlessErrno } from "../unless-errno.ts";

/** What a look at a process says that has ended meanwhile, or that we may not look at. */
const NOT_TO_BE_SEEN = [...ENDED, "EACCES", "EPERM"];

/**
 * The processes that hold a lock by flock(2). /proc/locks does not tell: it names the process that took the
 * lock, which may be dead, and not those that have inherited the open file. With each of these it stands in
 * /proc/<pid>/fdinfo (proc(5)). A walk over all processes: for the message of an error, and nothing else.
 * @param path of the lock file.
 * @param fd the same file, opened by us.
 */
export function lockHolders(path: string, fd: number): LockHolder[] {
  // "lock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF": the last of the three numbers is the inode.
  const lock = new RegExp(`^lock:.* FLOCK .*:${host.fstat(fd).inode} `, "m");
  // In another mount namespace the directories can have other names.
  const name = path.slice(path.lastIndexOf("/"));
  const isHeldBy = (pid: string) =>
    unlessUnseen([], () => host.readDirectory(`/proc/${pid}/fd`)).some((number) =>
      unlessUnseen(
        false,
        () =>
          host.readLink(`/proc/${pid}/fd/${number}`).endsWith(name) &&
          lock.test(host.readFile(`/proc/${pid}/fdinfo/${number}`)),
      ),
    );
  return processIds()
    .filter(isHeldBy)
    .map((pid) =>
      describe(
        Number(pid),
        unlessUnseen("", () => host.readFile(`/proc/${pid}/status`)),
      ),
    );
}

function describe(pid: number, status: string): LockHolder {
  const field = (name: string) => new RegExp(`^${name}:\t(.*)$`, "m").exec(status)?.[1];
  // "NSpid:\t4711\t7"
  const pids = field("NSpid")?.split("\t").map(Number) ?? [pid];
  return { pid, pids, command: field("Name") ?? "" };
}

function unlessUnseen<T>(otherwise: T, look: () => T): T {
  return valueUnlessErrno(NOT_TO_BE_SEEN, otherwise, look);
}
