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
