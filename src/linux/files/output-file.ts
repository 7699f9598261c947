import * as host from "host";
import type { Files } from "../../node/files.ts";
import { writeAll } from "./create-file.ts";

/**
 * Writes a file that the caller of a command names: replaces a regular file, completely or not at all, as
 * {@link Files.replaceForeign} does, and writes to a character device, such as /dev/null, which must stay a device.
 * @throws {Error} for every other file. A link is not followed: another user than root may own its directory.
 */
export function writeOutputFile(
  files: Files,
  path: string,
  text: string,
  mode: number,
  temporary: string,
): void {
  const type = host.lstat(path, ["ENOENT"])?.type;
  if (type === undefined || type === "file") files.replaceForeign(path, text, mode, temporary);
  else if (type === "other" && host.deviceNumber(path, []) !== undefined) writeTo(path, text);
  else throw new Error(`${path} is neither a regular file nor a character device; name another file`);
}

function writeTo(path: string, text: string): void {
  const fd = host.open(path, host.O_WRONLY | host.O_NOFOLLOW | host.O_NONBLOCK, 0);
  try {
    writeAll(fd, host.utf8Encode(text), path);
  } finally {
    host.close(fd);
  }
}
