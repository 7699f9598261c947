import * as host from "host";
import { readDirectory } from "./files/read.ts";

/**
 * The errnos of reading /proc/<pid> if the process has ended. The directory of a zombie exists, but lacks some files.
 */
export const ENDED = ["ENOENT", "ESRCH"];

/** Identifies a network namespace by the status of its file, as long as the namespace exists. */
export function netnsKey({ device, inode }: host.FileStatus): string {
  return `${device}:${inode}`;
}

/** Returns the {@link netnsKey} of a process's network namespace; `undefined` if the process has ended. */
export function netnsKeyOf(pid: string): string | undefined {
  const status = host.stat(`/proc/${pid}/ns/net`, ENDED);
  return status && netnsKey(status);
}

/** Returns the ids of the processes in /proc: the directories whose names are numbers. */
export function processIds(): string[] {
  return readDirectory("/proc").filter((name) => /^\d+$/.test(name));
}
