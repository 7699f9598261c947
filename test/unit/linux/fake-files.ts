/*
 * The file calls of the double of the module `host` (fake-host.ts). Files of sysfs, procfs and nsfs are in memory;
 * state files are real files of Node, in the scratch directory.
 */
import * as fs from "node:fs";
import type * as real from "host";
import { called, descriptor, expecting, machine, open, present } from "./machine.ts";

export const readFile: typeof real.readFile = (path: string, _limit?: number, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readFile", path);
    return present(
      machine.files.get(`${machine.inside}:${path}`) ?? machine.files.get(path),
      "readFile",
      path,
    );
  });

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

export const readDirectory: typeof real.readDirectory = (path: string, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readDirectory", path);
    if (isScratch(path)) return fs.readdirSync(path);
    return [...present(machine.directories.get(path), "readDirectory", path)];
  });

export const stat: typeof real.stat = (path: string, follow?: boolean, expected?: readonly string[]) =>
  expecting(expected, (): real.FileStatus => {
    called("stat", path);
    if (isScratch(path)) return statusOf(follow === false ? fs.lstatSync(path) : fs.statSync(path));
    const known = machine.inodes.get(path);
    if (known !== undefined)
      return { type: "file", device: "4", inode: known, size: 0, modified: 0, mode: 0o444 };
    present(machine.directories.get(path), "stat", path);
    return {
      type: "directory",
      device: "22",
      inode: `9007199254740993${path.length}`,
      size: 0,
      modified: 0,
      mode: 0o755,
    };
  });

export const statfsType: typeof real.statfsType = (path) => {
  called("statfs", path);
  return present(machine.namespaces.get(path), "statfs", path).magic;
};

export const openFile: typeof real.openFile = (path) => {
  called("open", path);
  return open(path, present(machine.namespaces.get(path), "open", path).name);
};

export const fstat: typeof real.fstat = (fd) => {
  called("fstat", descriptor(fd).what);
  return { type: "file", device: "4", inode: "4026532008", size: 0, modified: 0, mode: 0o444 };
};

export const close: typeof real.close = (fd) => {
  if (!machine.descriptors.has(fd)) return fs.closeSync(fd);
  called("close", descriptor(fd).what);
  machine.descriptors.delete(fd);
};

export const readRegularFile: typeof real.readRegularFile = (
  path: string,
  _limit?: number,
  expected?: readonly string[],
) =>
  expecting(expected, () => {
    called("readRegularFile", inScratch(path));
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      return fs.readFileSync(fd, "utf8");
    } finally {
      fs.closeSync(fd);
    }
  });

export const createWhole: typeof real.createWhole = (path, text, mode) => {
  called("createWhole", inScratch(path));
  fs.writeFileSync(path, text, { flag: "wx", mode });
};

export const patchFile: typeof real.patchFile = (path, offset, text) => {
  called("patchFile", inScratch(path));
  const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.writeSync(fd, text, offset, "utf8");
  } finally {
    fs.closeSync(fd);
  }
};

export const createFile: typeof real.createFile = (path, text, mode) => {
  called("createFile", inScratch(path));
  fs.writeFileSync(path, text, { flag: "wx", mode });
};

export const rename: typeof real.rename = (from, to, noReplace) => {
  called("rename", inScratch(from));
  if (noReplace !== true) return fs.renameSync(from, to);
  fs.linkSync(from, to);
  fs.unlinkSync(from);
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

export const openLock: typeof real.openLock = (path, mode) => {
  called("openLock", inScratch(path));
  return fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, mode);
};
export const lock: typeof real.lock = (fd) => called("lock", String(fd));
export const unlock: typeof real.unlock = (fd) => called("unlock", String(fd));

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
  called("lock", inScratch(path));
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, mode);
  const { size } = fs.fstatSync(fd);
  if (size > 0 && size + Buffer.byteLength(text) > limit) return fd;
  fs.writeSync(fd, text);
  fs.closeSync(fd);
  return undefined;
};

function isScratch(path: string): boolean {
  return machine.scratch !== undefined && path.startsWith(machine.scratch);
}

/** Returns the path of a state file; no test may reach other files of this computer. */
function inScratch(path: string): string {
  if (path !== "" && !isScratch(path)) throw new Error(`${path} is not in the scratch directory`);
  return path;
}

function statusOf(status: fs.Stats): real.FileStatus {
  const types = { file: status.isFile(), directory: status.isDirectory(), link: status.isSymbolicLink() };
  const type = (["file", "directory", "link"] as const).find((each) => types[each]) ?? "other";
  const { ino, size, mode, mtimeMs: modified } = status;
  return { type, device: "1", inode: String(ino), size, modified, mode: mode & 0o7777 };
}
