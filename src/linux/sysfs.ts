import * as host from "host";
import { readDirectory, readFile } from "./files/read.ts";
import { valueUnlessErrno } from "./unless-errno.ts";

/** The errnos of sysfs if a file does not exist, or if it belongs to a device that is being removed. */
const GONE = ["ENOENT", "ENODEV"];

/** Returns the result of a call; `undefined` if the call fails because its file or device does not exist. */
export function undefinedIfGone<T>(call: () => T): T | undefined {
  return valueUnlessErrno(GONE, undefined, call);
}

/** Returns the target of a link; `undefined` if the link does not exist. */
export function linkIn(path: string): string | undefined {
  return host.readLink(path, GONE);
}

/** Returns the status of a file; `undefined` if the file does not exist. */
export function statusOf(path: string): host.FileStatus | undefined {
  return host.stat(path, GONE);
}

/** Returns the content of a file without its newline; `undefined` if the file does not exist. */
export function textIn(path: string): string | undefined {
  return readFile(path, undefined, GONE)?.trim();
}

/** How many files are open at once: not many, because a process may have few descriptors left. */
const MOST_OPEN = 8;

/**
 * Returns the contents of files as {@link textIn} does, with two system calls for each file and one for all: they are
 * closed together. `undefined` also if the file has no value.
 */
export function readAttributes(paths: readonly string[]): (string | undefined)[] {
  const open: number[] = [];
  try {
    return paths.map((path) => {
      if (open.length === MOST_OPEN) closeAll(open.splice(0));
      const fd = host.open(path, host.O_RDONLY, 0, GONE);
      if (fd === undefined) return undefined;
      open.push(fd);
      return host.readText(fd, 1 << 20, host.TO_SHORT_READ, 0, path, GONE)?.trim();
    });
  } finally {
    closeAll(open);
  }
}

function closeAll(open: readonly number[]): void {
  const [first = 0, last = 0] = [open[0], open.at(-1)];
  // The kernel gives the lowest free numbers in ascending order, so without a gap no other number is between them.
  const isRange = open.length > 1 && last - first + 1 === open.length;
  if (isRange && host.closeRange(first, last, 0, ["ENOSYS", "EPERM"]) !== undefined) return;
  for (const fd of open) host.close(fd);
}

/** Returns the number in a file; `undefined` if the file does not exist. */
export function numberIn(path: string): number | undefined {
  const text = textIn(path);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text === "" || !Number.isInteger(number))
    throw new Error(`${path} contains "${text}" instead of a number`);
  return number;
}

/** Returns the names in a directory; an empty list if the directory does not exist. */
export function namesIn(directory: string): string[] {
  return readDirectory(directory, GONE) ?? [];
}

/** Reports whether a path exists. */
export function isThere(path: string): boolean {
  return statusOf(path) !== undefined;
}
