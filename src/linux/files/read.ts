import * as host from "host";

/** Longest text that is read unless the caller sets another limit, bytes. */
const DEFAULT_LIMIT = 1 << 20;
/** Fewer names than fit into the buffer of one getdents64(2). */
const FEW_NAMES = 200;

/** Reads a whole file as text. More than `limit` bytes (default 1 MiB) is EFBIG. Follows links. */
export function readFile(path: string, limit?: number): string;
/** Returns `undefined` if it fails with an expected errno, e.g. "ENOENT". */
export function readFile(
  path: string,
  limit: number | undefined,
  expected: readonly string[],
): string | undefined;
export function readFile(
  path: string,
  limit = DEFAULT_LIMIT,
  expected?: readonly string[],
): string | undefined {
  const fd = host.open(path, host.O_RDONLY, 0, expected);
  if (fd === undefined) return undefined;
  try {
    const isAttribute = path.startsWith("/sys/") || path.startsWith("/proc/sys/");
    return host.readText(fd, limit, isAttribute ? host.TO_SHORT_READ : host.TO_EOF, 0, path, expected);
  } finally {
    host.close(fd);
  }
}

/**
 * As {@link readFile}, but a symbolic link as the last part is ELOOP, and any file that is not regular is EINVAL. A FIFO
 * does not make it wait.
 */
export function readRegularFile(path: string, limit?: number): string;
export function readRegularFile(
  path: string,
  limit: number | undefined,
  expected: readonly string[],
): string | undefined;
export function readRegularFile(
  path: string,
  limit = DEFAULT_LIMIT,
  expected?: readonly string[],
): string | undefined {
  const fd = host.open(path, host.O_RDONLY | host.O_NOFOLLOW | host.O_NONBLOCK, 0, expected);
  if (fd === undefined) return undefined;
  try {
    const { type, size } = host.fstat(fd);
    if (type !== "file") host.fail("EINVAL", "open", path);
    return host.readText(fd, limit, host.TO_EOF, size, path);
  } finally {
    host.close(fd);
  }
}

/** Returns the names in a directory without "." and "..", unsorted. */
export function readDirectory(path: string): string[];
/** Returns `undefined` if it fails with an expected errno. */
export function readDirectory(path: string, expected: readonly string[]): string[] | undefined;
export function readDirectory(path: string, expected?: readonly string[]): string[] | undefined {
  const fd = host.open(path, host.O_RDONLY | host.O_DIRECTORY, 0, expected);
  if (fd === undefined) return undefined;
  try {
    const names: string[] = [];
    for (;;) {
      const more = host.readNames(fd, expected, path);
      if (more === undefined) return undefined;
      names.push(...more.filter((name) => name !== "." && name !== ".."));
      // sysfs fills the buffer as long as it has names (kernfs_fop_readdir), so a second call would return nothing.
      if (more.length === 0 || (more.length < FEW_NAMES && path.startsWith("/sys/"))) return names;
    }
  } finally {
    host.close(fd);
  }
}
