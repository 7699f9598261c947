import { LONGEST_FILE } from "../../../src/node/files.ts";
import type { OpenFile } from "./open-file.ts";
import { Refusal } from "./refusal.ts";

/** A file system: texts by path, their directories, and the locks. */
export class FileTree {
  readonly texts = new Map<string, string>();
  readonly directories = new Set(["", "/var", "/var/lib", "/var/lib/cni", "/var/run", "/run", "/opt"]);
  /** The open file that has the lock (flock) of a path. */
  readonly locks = new Map<string, OpenFile>();

  /** Modification times of files, ms since 1970, if not the model's present time. */
  readonly modified = new Map<string, number>();
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
