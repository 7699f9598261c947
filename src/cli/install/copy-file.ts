import * as host from "host";
import { createFilledFile, writeAll } from "../../linux/files/create-file.ts";

/** Maximum bytes of one read. */
const LONGEST_READ = 1 << 16;

/**
 * Copies a file to a new file (O_EXCL, O_NOFOLLOW) with a mode, regardless of the umask, and syncs it to the disk. After
 * a failure no file is left. `from` must be a regular file (EINVAL); its links are followed.
 */
export function copyFile(from: string, to: string, mode: number): void {
  const source = host.open(from, host.O_RDONLY | host.O_NONBLOCK, 0);
  try {
    if (host.fstat(source).type !== "file") host.fail("EINVAL", "open", from);
    // Mode 0600: only root can open the file before it is complete.
    createFilledFile(to, 0o600, (fd) => {
      for (;;) {
        const bytes = host.read(source, LONGEST_READ);
        if (bytes.length === 0) break;
        writeAll(fd, bytes, to);
      }
      // The umask has no effect on fchmod.
      host.fchmod(fd, mode, to);
      host.fsync(fd, to);
    });
  } finally {
    host.close(source);
  }
}
