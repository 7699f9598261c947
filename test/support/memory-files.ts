import type { Files, Lock } from "../../src/node/files.ts";

/** Files in memory. Paths are compared as text. */
export class MemoryFiles implements Files {
  readonly texts = new Map<string, string>();
  readonly directories = new Set<string>();

  read(path: string): string | undefined {
    return this.texts.get(path);
  }

  create(path: string, text: string): boolean {
    if (this.texts.has(path)) return false;
    this.texts.set(path, text);
    return true;
  }

  patch(path: string, offset: number, text: string): void {
    const old = this.texts.get(path);
    if (old === undefined) throw Object.assign(new Error(`patch ${path}`), { code: "ENOENT" });
    this.texts.set(path, old.slice(0, offset) + text + old.slice(offset + text.length));
  }

  replaceForeign(path: string, text: string): void {
    this.texts.set(path, text);
  }

  rename(from: string, to: string): void {
    const text = this.texts.get(from);
    if (text === undefined) throw Object.assign(new Error(`rename ${from}`), { code: "ENOENT" });
    this.texts.delete(from);
    this.texts.set(to, text);
  }

  remove(path: string): void {
    this.texts.delete(path);
  }

  makeDirectory(path: string): void {
    this.directories.add(path);
  }

  hasDirectory(path: string): boolean {
    return this.directories.has(path);
  }

  removeDirectory(path: string): void {
    if (this.list(path).length === 0) this.directories.delete(path);
  }

  requireWritable(path: string): boolean {
    return this.directories.has(path);
  }

  list(path: string): string[] {
    const below = [...this.texts.keys(), ...this.directories].filter((each) => each.startsWith(`${path}/`));
    return [...new Set(below.map((each) => each.slice(path.length + 1).split("/")[0] ?? ""))];
  }

  isFile(path: string): boolean {
    return this.texts.has(path);
  }

  modified(path: string): number | undefined {
    return this.texts.has(path) ? 0 : undefined;
  }

  exists(path: string): boolean {
    return this.texts.has(path) || this.directories.has(path);
  }

  addLine(
    path: string,
    line: string,
    limit: number,
    _deadline: number,
    shorten: (text: string) => string,
  ): void {
    const old = this.texts.get(path) ?? "";
    const isFull = old !== "" && old.length + line.length > limit;
    this.texts.set(path, isFull ? shorten(old + line) : old + line);
  }

  lock(path: string): Lock {
    return {
      share: () => 3,
      acquire() {},
      holders: () => [],
      read: () => this.texts.get(path) ?? "",
      write: (text) => void this.texts.set(path, text),
      release() {},
    };
  }
}
