import * as host from "host";

/** What /proc answers for a process that has ended meanwhile; of a zombie there is a directory, but not all that is in it. */
export const ENDED = ["ENOENT", "ESRCH"];

/** The processes that /proc shows, by their ids: those of its directories that have a number for a name. */
export function processIds(): string[] {
  return host.readDirectory("/proc").filter((name) => /^\d+$/.test(name));
}
