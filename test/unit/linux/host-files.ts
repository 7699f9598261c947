/*
 * The file calls of the module `host`, made by Node on a real file system.
 *
 *   vi.mock("host", async (pure) => ({ ...(await pure<typeof import("host")>()), ...(await import("./host-files.ts")) }));
 */
import * as fs from "node:fs";
import type * as real from "host";

/** Hooks of a test. */
export const hostFiles = {
  onRename: (_from: string): void => {},
  onCreateWhole: (): void => {},
  /** Called before a directory is made. */
  onMkdir: (_path: string): void => {},
  /** Called before a file is examined. */
  onStat: (_path: string): void => {},
  onLock: (): void => {},
  onUnlock: (_fd: number): void => {},
  error: (code: string): Error => Object.assign(new Error(code), { code }),
  reset(): void {
    hostFiles.onRename = () => {};
    hostFiles.onCreateWhole = () => {};
    hostFiles.onMkdir = () => {};
    hostFiles.onStat = () => {};
    hostFiles.onLock = () => {};
    hostFiles.onUnlock = () => {};
  },
};

/** Returns the result of a call; `undefined` if it fails with an expected errno. */
function expecting<T>(expected: readonly string[] | undefined, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (expected?.includes((error as NodeJS.ErrnoException).code ?? "") === true) return undefined as T;
    throw error;
  }
}

export const readRegularFile: typeof real.readRegularFile = (
  path: string,
  _limit?: number,
  expected?: readonly string[],
) =>
  expecting(expected, () => {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      return fs.readFileSync(fd, "utf8");
    } finally {
      fs.closeSync(fd);
    }
  });

export const createWhole: typeof real.createWhole = (path, text, mode) => {
  hostFiles.onCreateWhole();
  fs.writeFileSync(path, text, { flag: "wx", mode });
};

export const patchFile: typeof real.patchFile = (path, offset, text) => {
  const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.writeSync(fd, text, offset, "utf8");
  } finally {
    fs.closeSync(fd);
  }
};

export const createFile: typeof real.createFile = (path, text, mode) => {
  fs.writeFileSync(path, text, { flag: "wx", mode });
};

export const rename: typeof real.rename = (from, to, noReplace) => {
  hostFiles.onRename(from);
  if (noReplace !== true) return fs.renameSync(from, to);
  fs.linkSync(from, to);
  fs.unlinkSync(from);
};

export const unlink: typeof real.unlink = (path) => fs.unlinkSync(path);
export const mkdir: typeof real.mkdir = (path, mode) => {
  hostFiles.onMkdir(path);
  fs.mkdirSync(path, { mode });
};
export const rmdir: typeof real.rmdir = (path) => fs.rmdirSync(path);
export const readDirectory: typeof real.readDirectory = (path: string, expected?: readonly string[]) =>
  expecting(expected, () => fs.readdirSync(path));

export const stat: typeof real.stat = (path: string, follow?: boolean, expected?: readonly string[]) =>
  expecting(expected, () => {
    hostFiles.onStat(path);
    const status = follow === false ? fs.lstatSync(path) : fs.statSync(path);
    const types = { file: status.isFile(), directory: status.isDirectory(), link: status.isSymbolicLink() };
    const type = (["file", "directory", "link"] as const).find((each) => types[each]) ?? "other";
    const { ino, size, mode, mtimeMs: modified } = status;
    return { type, device: "1", inode: String(ino), size, modified, mode: mode & 0o7777 };
  });

export const openLock: typeof real.openLock = (path, mode) =>
  fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, mode);
export const lock: typeof real.lock = () => hostFiles.onLock();
export const unlock: typeof real.unlock = (fd) => hostFiles.onUnlock(fd);

export const readAt0: typeof real.readAt0 = (fd, limit) => {
  const buffer = Buffer.alloc(limit);
  return buffer
    .subarray(0, fs.readSync(fd, buffer, 0, limit, 0))
    .toString("utf8")
    .replace(/ +$/, "");
};

export const writeAt0: typeof real.writeAt0 = (fd, text, length) => {
  const padding = length - Buffer.byteLength(text);
  if (padding < 0) throw Object.assign(new Error("EFBIG: a longer text"), { code: "EFBIG" });
  fs.writeSync(fd, text + " ".repeat(padding), 0, "utf8");
};

export const appendLocked: typeof real.appendLocked = (path, text, mode, limit) => {
  hostFiles.onLock();
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode);
  const { size } = fs.fstatSync(fd);
  if (size > 0 && size + Buffer.byteLength(text) > limit) return fd;
  fs.writeSync(fd, text);
  fs.closeSync(fd);
  return undefined;
};

export const close: typeof real.close = (fd) => fs.closeSync(fd);
export const monotonic: typeof real.monotonic = () => 1000;
export const getpid: typeof real.getpid = () => 4321;
export const pendingSignal: typeof real.pendingSignal = () => undefined;
