import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinuxFiles } from "../../../../src/linux/files/files.ts";
import { machine } from "../machine.ts";
import { modeOf, scratchFiles } from "./scratch-files.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

let directory: string;
let files: LinuxFiles;

beforeEach(() => {
  ({ directory, files } = scratchFiles());
});
afterEach(() => rmSync(directory, { recursive: true }));

const path = (name: string) => join(directory, name);

describe("a file that many processes append to", () => {
  const name = ".calls";
  /** Adds a line; if the file has more than ten bytes, its lines become "sum". */
  const add = (line: string, seen: string[] = []) =>
    files.addLine(path(name), line, 10, 5, (text) => {
      seen.push(text);
      return "sum\n";
    });
  const descriptors = () => readdirSync("/proc/self/fd").length;

  it("has all lines, until they are too many: then a shorter text replaces them", () => {
    const before = descriptors();
    add("12345\n");
    expect([files.read(path(name)), modeOf(path(name))]).toEqual(["12345\n", 0o600]);
    add("789\n");
    expect(files.read(path(name))).toBe("12345\n789\n");
    const seen: string[] = [];
    add("a\n", seen);
    expect(seen).toEqual(["12345\n789\na\n"]);
    expect([files.read(path(name)), modeOf(path(name))]).toEqual(["sum\n", 0o600]);
    expect([readdirSync(directory), descriptors()]).toEqual([[name], before]);
  });

  it("is unchanged if the shorter text cannot be written, or if the process is killed while writing it", () => {
    add("1234567\n");
    writeFileSync(path(`${name}.new`), "half of a su");
    machine.faults.set("rename", "EIO");
    const before = descriptors();
    expect(() => add("1234567\n")).toThrow(expect.objectContaining({ code: "EIO" }));
    expect([files.read(path(name)), readdirSync(directory), descriptors()]).toEqual([
      "1234567\n",
      [name],
      before,
    ]);
    machine.faults.clear();
    writeFileSync(path(`${name}.new`), "half of a su");
    add("1234567\n");
    expect([files.read(path(name)), readdirSync(directory)]).toEqual(["sum\n", [name]]);
  });

  it("is not created if its directory does not exist", () => {
    files.addLine(path("none/.calls"), "1\n", 10, 5, (text) => text);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("is waited for until a deadline, and the error names the file", () => {
    machine.faults.set("lock", "ETIMEDOUT");
    expect(() => add("1\n")).toThrow(
      expect.objectContaining({
        name: "TimeoutError",
        message: `timed out waiting for the lock ${path(name)}`,
      }),
    );
  });
});
