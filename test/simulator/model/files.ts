import {
  type Files,
  LONGEST_FILE,
  LONGEST_LOCK_TEXT,
  type Lock,
  type LockHolder,
  type Permissions,
} from "../../../src/node/files.ts";
import type { Machine } from "./machine.ts";
import type { Process } from "./process.ts";
import { Refusal } from "./refusal.ts";
import { EPOCH } from "./timeline.ts";

/** A file system: texts by path, their directories, and the locks. */
export class FileTree {
  readonly texts = new Map<string, string>();
  readonly directories = new Set(["", "/var", "/var/lib", "/var/lib/cni", "/var/run", "/run", "/opt"]);
  /** The open file that has the lock (flock) of a path. */
  readonly locks = new Map<string, OpenFile>();

  /** Modification times of files, ms since 1970, if not the model's present time. */
  readonly modified = new Map<string, number>();
  /** Permissions of directories, if not those of this program. */
  readonly permissions = new Map<string, Permissions>();
  /** Errnos of files that cannot be read. */
  readonly unreadable = new Map<string, string>();

  /** @throws {Refusal} EINVAL if it is a directory, EFBIG if it is too long, or the errno in {@link unreadable}. */
  read(path: string): string | undefined {
    if (this.directories.has(path)) throw new Refusal("EINVAL", `open ${path}`);
    const errno = this.unreadable.get(path);
    if (errno !== undefined) throw new Refusal(errno, `read ${path}`);
    const text = this.texts.get(path);
    if (text !== undefined && Buffer.byteLength(text) > LONGEST_FILE)
      throw new Refusal("EFBIG", `read ${path}`);
    return text;
  }

  /** Removes a file, or a directory as {@link removeDirectory} does. */
  remove(path: string): void {
    this.texts.delete(path);
    if (this.directories.has(path)) this.removeDirectory(path);
  }

  /** @throws {Refusal} ENOENT if its directory is missing, EISDIR if it is a directory. */
  write(path: string, text: string): void {
    this.#requireDirectory(parentOf(path), `write ${path}`);
    if (this.directories.has(path)) throw new Refusal("EISDIR", `write ${path}`);
    this.texts.set(path, text);
  }

  /** @throws {Refusal} ENOENT if the file does not exist. */
  patch(path: string, offset: number, text: string): void {
    const old = this.texts.get(path);
    if (old === undefined) throw new Refusal("ENOENT", `patch ${path}`);
    this.texts.set(path, old.slice(0, offset) + text + old.slice(offset + text.length));
  }

  /** @throws {Refusal} ENOENT. */
  rename(from: string, to: string): void {
    const text = this.texts.get(from);
    if (text === undefined) throw new Refusal("ENOENT", `rename ${from}`);
    this.write(to, text);
    this.texts.delete(from);
  }

  /** @throws {Refusal} ENOTDIR if a file is in its place. */
  hasDirectory(path: string): boolean {
    if (this.texts.has(path)) throw new Refusal("ENOTDIR", path);
    return this.directories.has(path);
  }

  makeDirectory(path: string): void {
    if (this.hasDirectory(path)) return;
    this.makeDirectory(parentOf(path));
    this.directories.add(path);
  }

  removeDirectory(path: string): void {
    if (this.list(path).length === 0) this.directories.delete(path);
  }

  list(path: string): string[] {
    const below = [...this.texts.keys(), ...this.directories].filter((each) => each.startsWith(`${path}/`));
    return [...new Set(below.map((each) => each.slice(path.length + 1).split("/")[0] ?? ""))];
  }

  /** Creates an empty file if it does not exist. */
  touch(path: string): void {
    if (!this.texts.has(path)) this.write(path, "");
  }

  #requireDirectory(path: string, what: string): void {
    if (!this.directories.has(path)) throw new Refusal("ENOENT", what);
  }
}

/** Returns the directory of an absolute path, "" for the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/**
 * An open file description, to which a flock(2) lock belongs. A child that inherits it keeps it, and the lock, open.
 */
export class OpenFile {
  /** The processes that have it open. */
  readonly holders: Set<LockHolder>;

  constructor(
    private readonly tree: FileTree,
    readonly path: string,
    opener: LockHolder,
  ) {
    this.holders = new Set([opener]);
  }

  /** Lets a child process inherit it. */
  share(child: LockHolder): void {
    this.holders.add(child);
  }

  /** Takes the lock if no other open file has it. */
  tryLock(): boolean {
    const holder = this.tree.locks.get(this.path);
    if (holder !== undefined && holder !== this) return false;
    this.tree.locks.set(this.path, this);
    return true;
  }

  /** LOCK_UN by any process that has it open: releases the lock for all of them. */
  unlock(): void {
    if (this.tree.locks.get(this.path) === this) this.tree.locks.delete(this.path);
  }

  /** Closes it for a process; the last close releases the lock. */
  close(holder: LockHolder): void {
    this.holders.delete(holder);
    if (this.holders.size === 0) this.unlock();
  }
}

/** The files of a machine, as a process sees them. */
export class ModelFiles implements Files {
  constructor(
    private readonly machine: Machine,
    private readonly process: Process,
  ) {}

  read(path: string): string | undefined {
    return this.machine.files.read(path);
  }

  create(path: string, text: string): boolean {
    if (this.machine.files.texts.has(path)) return false;
    this.machine.files.write(path, text);
    return true;
  }

  link(from: string, to: string): boolean {
    const { files } = this.machine;
    const text = files.texts.get(from);
    if (text === undefined) throw new Refusal("ENOENT", `link ${from}`);
    if (files.texts.has(to)) return false;
    files.write(to, text);
    return true;
  }

  /** Files with the same text count as one file: links are only made of files that never change. */
  inode(path: string): string | undefined {
    return this.machine.files.texts.get(path);
  }

  patch(path: string, offset: number, text: string): void {
    this.machine.files.patch(path, offset, text);
  }

  replaceForeign(path: string, text: string, _mode: number, temporary: string): void {
    this.machine.files.write(temporary, text);
    this.machine.files.rename(temporary, path);
  }

  rename(from: string, to: string): void {
    this.machine.files.rename(from, to);
  }

  remove(path: string): void {
    this.machine.files.remove(path);
  }

  makeDirectory(path: string): void {
    this.machine.files.makeDirectory(path);
  }

  hasDirectory(path: string): boolean {
    return this.machine.files.hasDirectory(path);
  }

  removeDirectory(path: string): void {
    this.machine.files.removeDirectory(path);
  }

  permissions(path: string): Permissions | undefined {
    if (!this.machine.files.directories.has(path)) return undefined;
    return this.machine.files.permissions.get(path) ?? { user: 0, group: 0, mode: 0o700 };
  }

  requireWritable(path: string): boolean {
    return this.machine.files.directories.has(path);
  }

  list(path: string): string[] {
    return this.machine.files.list(path);
  }

  isFile(path: string): boolean {
    return this.machine.files.texts.has(path) || this.machine.programs.has(path);
  }

  modified(path: string): number | undefined {
    return this.exists(path)
      ? (this.machine.files.modified.get(path) ?? EPOCH + this.machine.time.now)
      : undefined;
  }

  exists(path: string): boolean {
    return this.machine.files.texts.has(path) || this.machine.files.directories.has(path);
  }

  addLine(
    path: string,
    line: string,
    limit: number,
    deadline: number,
    shorten: (text: string) => string,
  ): void {
    this.process.sleepUntil(deadline, `the lock ${path}`, () => !this.machine.files.locks.has(path));
    const longer = `${this.machine.files.read(path) ?? ""}${line}`;
    this.machine.files.write(path, longer.length > limit && longer !== line ? shorten(longer) : longer);
  }

  lock(path: string): Lock {
    const { process } = this;
    const tree = this.machine.files;
    if (tree.directories.has(path)) throw new Refusal("EISDIR", `open ${path}`);
    tree.touch(path);
    const file = new OpenFile(tree, path, process.holder);
    const fd = process.open(file);
    return {
      share: () => fd,
      acquire: (deadline) => process.sleepUntil(deadline, `the lock ${path}`, () => file.tryLock()),
      holders: () => [...(tree.locks.get(path)?.holders ?? [])],
      read: () => tree.texts.get(path) ?? "",
      write: (text) => {
        const bytes = Buffer.byteLength(text);
        if (bytes > LONGEST_LOCK_TEXT) throw new RangeError(`${bytes} bytes are too many for ${path}`);
        tree.texts.set(path, text);
      },
      release: () => {
        process.file(fd).unlock();
        process.close(fd);
      },
    };
  }
}
