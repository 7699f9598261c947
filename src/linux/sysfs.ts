import * as host from "host";
import { unlessErrno } from "./unless-errno.ts";

/** What sysfs answers where a file is not there, or belongs to a device that is being removed. */
const GONE = ["ENOENT", "ENODEV"];

/** What a call gives; undefined where what it is about is gone. */
export function unlessGone<T>(call: () => T): T | undefined {
  return unlessErrno(GONE, undefined, call);
}

/** What a file says, without its newline; undefined where there is no such file. */
export function textIn(path: string): string | undefined {
  return unlessGone(() => host.readFile(path))?.trim();
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
  return unlessGone(() => host.readDirectory(directory)) ?? [];
}

/** Is there anything at a path? */
export function isThere(path: string): boolean {
  return unlessGone(() => host.stat(path)) !== undefined;
}
