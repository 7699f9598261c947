import * as host from "host";
import { valueUnlessErrno } from "./unless-errno.ts";

/** What sysfs answers where a file is not there, or belongs to a device that is being removed. */
const GONE = ["ENOENT", "ENODEV"];

/** What a call gives; undefined where what it is about is gone. */
export function undefinedIfGone<T>(call: () => T): T | undefined {
  return valueUnlessErrno(GONE, undefined, call);
}

/** What a link names; undefined where there is no such link. */
export function linkIn(path: string): string | undefined {
  return host.readLink(path, GONE);
}

/** What there is at a path; undefined where there is nothing. */
export function statusOf(path: string): host.FileStatus | undefined {
  return host.stat(path, true, GONE);
}

/** What a file says, without its newline; undefined where there is no such file. */
export function textIn(path: string): string | undefined {
  return host.readFile(path, undefined, GONE)?.trim();
}

/** The number that a file holds; undefined where there is no such file. */
export function numberIn(path: string): number | undefined {
  const text = textIn(path);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text === "" || !Number.isInteger(number)) throw new Error(`${path} holds no number but "${text}"`);
  return number;
}

/** Names in a directory; none where there is no such directory. */
export function namesIn(directory: string): string[] {
  return host.readDirectory(directory, GONE) ?? [];
}

/** Is there anything at a path? */
export function isThere(path: string): boolean {
  return statusOf(path) !== undefined;
}
