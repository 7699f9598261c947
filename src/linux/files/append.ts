// Appends texts to files, to which other processes append at the same time.
import * as host from "host";
import { closeOnError } from "../close-on-error.ts";

/** How such a file is opened: opening must not follow a link, or wait for a FIFO. */
export const TO_APPEND = host.O_RDWR | host.O_APPEND | host.O_CREAT | host.O_NOFOLLOW | host.O_NONBLOCK;
/** SEEK_CUR of linux/fs.h. */
const SEEK_CUR = 1;

/**
 * Appends bytes with one write(2), so that the lines of several processes do not mix. After a short write, for example
 * because the disk is full, the part is removed again, because it would damage the next line, unless another process
 * has already appended after it.
 */
export function appendWhole(fd: number, bytes: Uint8Array, path: string): void {
  const written = host.write(fd, bytes, path);
  if (written === undefined) return;
  const end = host.lseek(fd, 0, SEEK_CUR);
  if (host.fstat(fd).size === end) host.ftruncate(fd, end - written, path);
  host.fail("EIO", "write", path);
}

/**
 * Opens a file, creates it if it does not exist, locks it, and appends `text`. If the text cannot be written completely,
 * no part of it stays in the file. Does nothing if the directory does not exist. If the file would become longer than
 * `limit` bytes, nothing is written.
 * @param deadline of the wait for the lock.
 * @returns in that case the descriptor of the locked file, so that the caller can replace the file: processes that wait
 * for the lock then use the new file. The caller must close the descriptor.
 */
export function appendLocked(
  path: string,
  text: string,
  mode: number,
  limit: number,
  deadline: number,
): number | undefined {
  const locked = openLocked(path, mode, deadline);
  if (locked === undefined) return undefined;
  const { fd, size } = locked;
  const bytes = host.utf8Encode(text);
  if (size > 0 && size + bytes.length > limit) return fd;
  try {
    appendWhole(fd, bytes, path);
  } finally {
    host.close(fd);
  }
  return undefined;
}

/**
 * Opens and locks a file. The previous holder of the lock may have replaced the file. Then the opened file has no name
 * any more, and the function starts again.
 * @returns `undefined` if the directory does not exist.
 */
function openLocked(
  path: string,
  mode: number,
  deadline: number,
): { readonly fd: number; readonly size: number } | undefined {
  for (;;) {
    const fd = host.open(path, TO_APPEND, mode, ["ENOENT"]);
    if (fd === undefined) return undefined;
    const { size, names } = closeOnError(fd, () => {
      host.lock(fd, deadline, path);
      const status = host.fstat(fd);
      if (status.type !== "file") host.fail("EINVAL", "open", path);
      // On a file system that does not count names the loop would never end.
      if (status.names === 0 && host.monotonic() >= deadline) host.fail("ETIMEDOUT", "flock", path);
      return status;
    });
    if (names > 0) return { fd, size };
    host.close(fd);
  }
}
