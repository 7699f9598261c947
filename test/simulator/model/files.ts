import { LONGEST_FILE } from "../../../src/node/files.ts";
import type { OpenFile } from "./open-file.ts";
import { Refusal } from "./refusal.ts";

/** A file system: texts by path, the directories that they are in, and who has locked what. */
export class FileTree {
  readonly texts = new Map<string, string>();
  readonly directories = new Set(["", "/var", "/var/lib", "/var/lib/cni", "/var/run", "/run", "/opt"]);
  /** Which open file has the lock (flock) of a path. */
  readonly locks = new Map<string, OpenFile>();

  /** When files were written last, if not in the model's time: ms since 1970. */
  readonly modified = new Map<string, number>();
  /** Files that cannot be read, and the errno. */
  readonly unreadable = new Map<string, string>();

  /** @throws {Refusal} EINVAL if it is a directory, EFBIG if it is too long, or what {@link unreadable} says. */
  read(path: string): string | undefined {
    if (this.directories.has(path)) throw new Refusal("EINVAL", `open ${path}`);
    const errno = this.unreadable.get(path);
    if (errno !== undefined) throw new Refusal(errno, `read ${path}`);
    const text = this.texts.get(path);
    if (text !== undefined && Buffer.byteLength(text) > LONGEST_FILE)
      throw new Refusal("EFBIG", `read ${path}`);
    return text;
  }

  /** Of a directory, as {@link removeDirectory}. */
  remove(path: string): void {
    this.texts.delete(path);
    if (this.directories.has(path)) this.removeDirectory(path);
  }

  /** @throws {Refusal} ENOENT where its directory is missing, EISDIR where it is one. */
  write(path: string, text: string): void {
    this.#requireDirectory(parentOf(path), `write ${path}`);
    if (this.directories.has(path)) throw new Refusal("EISDIR", `write ${path}`);
    this.texts.set(path, text);
  }

  /** @throws {Refusal} ENOENT where there is no such file. */
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

  /** Makes a lock file if there is none. */
  touch(path: string): void {
    if (!this.texts.has(path)) this.write(path, "");
  }

  #requireDirectory(path: string, what: string): void {
    if (!this.directories.has(path)) throw new Refusal("ENOENT", what);
  }
}

/** The directory of an absolute path, "" for the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
