/*
 * The file calls of the double of the module `host` (fake-host.ts). Files of sysfs, procfs and nsfs are in memory;
 * state files are real files of Node, in the scratch directory.
 */
import * as fs from "node:fs";
import type * as real from "host";
import {
  called,
  descriptor,
  expecting,
  hostError,
  machine,
  newDescriptor,
  present,
  unusedDescriptor,
} from "./machine.ts";

const { O_DIRECTORY, O_NONBLOCK } = fs.constants;
/** Without O_DIRECTORY. */
const O_TMPFILE = 0o20000000;

/** Files and directories in memory that are open. They are not counted as descriptors. */
const opened = new Map<number, string>();
/** Directories whose names have been read. */
const listed = new Set<number>();

/** Opens a state file, a namespace, or a file or a directory to read. */
export const open = ((path: string, flags: number, mode: number, expected?: readonly string[]) =>
  expecting(expected, () => {
    if (isScratch(path)) {
      if ((flags & O_TMPFILE) !== 0) called("createWhole", path);
      return fs.openSync(path, flags, mode);
    }
    if ((flags & O_NONBLOCK) !== 0) {
      called("open", path);
      return newDescriptor(path, present(machine.namespaces.get(path), "open", path).name);
    }
    const isDirectory = (flags & O_DIRECTORY) !== 0;
    const call = isDirectory ? "readDirectory" : "readFile";
    called(call, path);
    present(isDirectory ? machine.directories.get(path) : textIn(path), call, path);
    const fd = unusedDescriptor();
    opened.set(fd, path);
    return fd;
  })) as typeof real.open;

function textIn(path: string): string | undefined {
  return machine.files.get(`${machine.inside}:${path}`) ?? machine.files.get(path);
}

export const close: typeof real.close = (fd) => {
  listed.delete(fd);
  if (opened.delete(fd)) return;
  if (!machine.descriptors.has(fd)) return fs.closeSync(fd);
  called("close", descriptor(fd).what);
  machine.descriptors.delete(fd);
};

export const readText = ((fd: number) => {
  const path = opened.get(fd);
  return path === undefined ? fs.readFileSync(fd, "utf8") : textIn(path);
}) as typeof real.readText;

/** Returns all names, and at the next call none. */
export const readNames: typeof real.readNames = (fd) => {
  if (listed.delete(fd)) return [];
  listed.add(fd);
  const path = opened.get(fd);
  return path === undefined
    ? fs.readdirSync(`/proc/self/fd/${fd}`)
    : [...(machine.directories.get(path) ?? [])];
};

export const writeFile: typeof real.writeFile = (path, text) => {
  called("writeFile", `${path} ${JSON.stringify(text)}`);
  machine.onWrite(path, text);
};

export const writeFileApart: typeof real.writeFileApart = writeFile;

export const readLink: typeof real.readLink = (path: string, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readLink", path);
    return present(machine.links.get(path), "readLink", path);
  });

const statOf = (path: string, expected: readonly string[] | undefined, read: typeof fs.statSync) =>
  expecting(expected, (): real.FileStatus => {
    called("stat", path);
    if (isScratch(path)) return statusOf(read(path) as fs.Stats);
    const known = machine.inodes.get(path);
    if (known !== undefined) return inMemory("4", known);
    present(machine.directories.get(path), "stat", path);
    return { ...inMemory("22", `9007199254740993${path.length}`), type: "directory", mode: 0o755 };
  });

export const stat: typeof real.stat = (path: string, expected?: readonly string[]) =>
  statOf(path, expected, fs.statSync);
export const lstat: typeof real.lstat = (path: string, expected?: readonly string[]) =>
  statOf(path, expected, fs.lstatSync as typeof fs.statSync);

/** Device files are the entries of `machine.links` that begin with "device ". */
export const deviceNumber: typeof real.deviceNumber = (path, expected) =>
  expecting(expected, () => {
    called("deviceNumber", path);
    const [, number] = /^device (.*)$/.exec(present(machine.links.get(path), "statx", path)) ?? [];
    return number;
  });

export const fstat: typeof real.fstat = (fd) => {
  if (!machine.descriptors.has(fd)) return statusOf(fs.fstatSync(fd));
  called("fstat", descriptor(fd).what);
  return inMemory("4", "4026532008");
};

function inMemory(device: string, inode: string): real.FileStatus {
  return { type: "file", device, inode, size: 0, modified: 0, mode: 0o444, user: 0, group: 0, names: 1 };
}

function statusOf(status: fs.Stats): real.FileStatus {
  const types = { file: status.isFile(), directory: status.isDirectory(), link: status.isSymbolicLink() };
  const type = (["file", "directory", "link"] as const).find((each) => types[each]) ?? "other";
  const { ino, size, mode, mtimeMs: modified, uid: user, gid: group, nlink: names } = status;
  return { type, device: "1", inode: String(ino), size, modified, mode: mode & 0o7777, user, group, names };
}

export const statfs: typeof real.statfs = (path) => {
  called("statfs", String(path));
  const type = present(machine.namespaces.get(String(path)), "statfs", String(path)).magic;
  return { type, blocks: 0, freeBlocks: 0, files: 0, freeFiles: 0 };
};

export const pread: typeof real.pread = (fd, limit) => {
  const buffer = Buffer.alloc(limit);
  return buffer.subarray(0, fs.readSync(fd, buffer, 0, limit, 0)).toString("utf8");
};

export const write: typeof real.write = (fd, bytes) => {
  const written = fs.writeSync(fd, bytes);
  return written === bytes.length ? undefined : written;
};

export const pwrite: typeof real.pwrite = (fd, bytes, offset) => {
  const written = fs.writeSync(fd, bytes, 0, bytes.length, offset);
  return written === bytes.length ? undefined : written;
};

/** A file system without RENAME_NOREPLACE. */
export const rename: typeof real.rename = (from, to, flags) => {
  called("rename", inScratch(from));
  if (flags !== 0) throw hostError("EINVAL", "renameat2", from);
  fs.renameSync(from, to);
};

/** linkat(2) of a path, or of an open file without a name (AT_EMPTY_PATH). */
export const link: typeof real.link = (directory, from, to) => {
  inScratch(to);
  if (from !== "") {
    const errno = fs.existsSync(to) ? "EEXIST" : fs.existsSync(from) ? undefined : "ENOENT";
    if (errno !== undefined) throw hostError(errno, "linkat", to);
    fs.linkSync(from, to);
  } else
    fs.writeFileSync(to, fs.readFileSync(`/proc/self/fd/${directory}`), {
      flag: "wx",
      mode: fs.fstatSync(directory).mode,
    });
};

export const unlink: typeof real.unlink = (path) => {
  called("unlink", inScratch(path));
  fs.unlinkSync(path);
};

export const mkdir: typeof real.mkdir = (path, mode) => {
  called("mkdir", inScratch(path));
  fs.mkdirSync(path, { mode });
};

export const rmdir: typeof real.rmdir = (path) => {
  called("rmdir", inScratch(path));
  fs.rmdirSync(path);
};

export const lock: typeof real.lock = (fd) => called("lock", String(fd));
/** Only LOCK_UN. */
export const flock: typeof real.flock = (fd) => {
  called("unlock", String(fd));
  return 0;
};

function isScratch(path: string): boolean {
  return machine.scratch !== undefined && path.startsWith(machine.scratch);
}

/** Returns the path of a state file; no test may reach other files of this computer. */
function inScratch(path: string): string {
  if (path !== "" && !isScratch(path)) throw new Error(`${path} is not in the scratch directory`);
  return path;
}
