import * as host from "host";
import type { NodeProcess } from "../node/processes.ts";
import { readDirectory, readFile } from "./files/read.ts";

/**
 * The errnos of reading /proc/<pid> if the process has ended. The directory of a zombie exists, but lacks some files.
 */
export const ENDED = ["ENOENT", "ESRCH"];

/** The thread's pid namespace. */
const OWN_PIDS = "/proc/thread-self/ns/pid";
/** Inode of the initial pid namespace, which shows all processes of the node: PROC_PID_INIT_INO of linux/proc_ns.h. */
const INITIAL_PIDS = String(0xeffffffc);

/** Reports whether /proc shows all processes of the node. */
export function seesAllProcesses(): boolean {
  return host.stat(OWN_PIDS).inode === INITIAL_PIDS;
}

/** Identifies a network namespace by the status of its file, as long as the namespace exists. */
export function netnsKey({ device, inode }: host.FileStatus): string {
  return `${device}:${inode}`;
}

/** Returns the {@link netnsKey} of a process's network namespace; `undefined` if the process has ended. */
export function netnsKeyOf(pid: string): string | undefined {
  return netnsKeyAt(`/proc/${pid}/ns/net`);
}

/** Returns the ids of the processes in /proc: the directories whose names are numbers. */
export function processIds(): string[] {
  return readDirectory("/proc").filter((name) => /^\d+$/.test(name));
}

/** Returns the directories of the threads of a process, its main thread included; none if it has ended. */
export function threadsOf(pid: string): string[] {
  const tasks = `/proc/${pid}/task`;
  return (readDirectory(tasks, ENDED) ?? []).map((tid) => `${tasks}/${tid}`);
}

/** Returns a process for a message. */
export function processOf(pid: string): NodeProcess {
  return { pid: Number(pid), command: readFile(`/proc/${pid}/comm`, undefined, ENDED)?.trimEnd() ?? "" };
}

/**
 * Finds a thread by its network namespace. Threads of one process can be in different namespaces.
 * @param matches whether the namespace is the right one, by its {@link netnsKey} and its file.
 */
export function findThread(matches: (key: string, file: string) => boolean): NodeProcess | undefined {
  const isThere = (file: string) => {
    const key = netnsKeyAt(file);
    return key !== undefined && matches(key, file);
  };
  const pid = processIds().find((each) => threadsOf(each).some((thread) => isThere(`${thread}/ns/net`)));
  return pid === undefined ? undefined : processOf(pid);
}

/** Returns the {@link netnsKey} of a namespace's file of a thread; `undefined` if the thread has ended. */
function netnsKeyAt(file: string): string | undefined {
  const status = host.stat(file, ENDED);
  return status && netnsKey(status);
}
