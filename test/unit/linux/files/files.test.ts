import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
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

describe("state files", () => {
  it("are created once, for root only, and leave no other files", () => {
    expect(files.create(path("a"), "one")).toBe(true);
    expect(files.create(path("a"), "two")).toBe(false);
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["one", 0o600, ["a"]]);
  });

  it("get further names, which have the same inode", () => {
    files.create(path("a"), "one");
    expect(files.link(path("a"), path("b"))).toBe(true);
    expect(files.read(path("b"))).toBe("one");
    expect(files.inode(path("b"))).toBe(files.inode(path("a")));
    files.create(path("c"), "one");
    expect(files.link(path("a"), path("c"))).toBe(false);
    expect(files.inode(path("c"))).not.toBe(files.inode(path("a")));
    expect(files.inode(path("d"))).toBeUndefined();
    expect(() => files.link(path("d"), path("e"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  it("are changed in place, but not created by a change", () => {
    files.create(path("a"), "one, and long");
    files.patch(path("a"), 5, "&");
    expect(files.read(path("a"))).toBe("one, &nd long");
    expect(() => files.patch(path("b"), 0, "x")).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(readdirSync(directory)).toEqual(["a"]);
  });

  it("are not created in a second way if the disk fails", () => {
    machine.faults.set("createWhole", "ENOSPC");
    expect(() => files.create(path("a"), "x")).toThrow(expect.objectContaining({ code: "ENOSPC" }));
    expect(readdirSync(directory)).toEqual([]);
  });

  it("that do not exist are `undefined` to read, and removing them succeeds", () => {
    expect(files.read(path("none"))).toBeUndefined();
    files.remove(path("none"));
    files.create(path("a"), "x");
    files.remove(path("a"));
    expect(files.exists(path("a"))).toBe(false);
  });

  it("that are directories are removed if they are empty, and left otherwise", () => {
    mkdirSync(path("full/inner"), { recursive: true });
    files.remove(path("full"));
    expect(files.exists(path("full/inner"))).toBe(true);
    files.remove(path("full/inner"));
    files.remove(path("full"));
    expect(readdirSync(directory)).toEqual([]);
    writeFileSync(path("file"), "");
    expect(() => files.remove(path("file/x"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });

  it("must not be links or directories", () => {
    writeFileSync(path("target"), "secret");
    symlinkSync(path("target"), path("link"));
    expect(() => files.read(path("link"))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => files.patch(path("link"), 0, "x")).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => files.read(directory)).toThrow();
    expect(() => files.patch(directory, 0, "x")).toThrow(expect.objectContaining({ code: "EISDIR" }));
    symlinkSync(path("target"), path("taken"));
    expect(files.create(path("taken"), "x")).toBe(false);
    expect(readFileSync(path("target"), "utf8")).toBe("secret");
  });
});

describe("state files, if the file system does not support O_TMPFILE", () => {
  beforeEach(() => {
    machine.faults.set("createWhole", "EOPNOTSUPP");
  });

  it("are created once, for root only, and leave no other files", () => {
    expect(files.create(path("a"), "one")).toBe(true);
    expect(files.create(path("a"), "two")).toBe(false);
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["one", 0o600, ["a"]]);
  });

  it("of another program are replaced completely, with their mode, through a file whose name the caller knows", () => {
    files.create(path("a"), "one");
    writeFileSync(path("a.new"), "A killed call has left this file.");
    files.replaceForeign(path("a"), "two", 0o444, path("a.new"));
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["two", 0o444, ["a"]]);
    machine.faults.set("rename", "EIO");
    expect(() => files.replaceForeign(path("a"), "three", 0o444, path("a.new"))).toThrow(
      expect.objectContaining({ code: "EIO" }),
    );
    expect([files.read(path("a")), readdirSync(directory)]).toEqual(["two", ["a"]]);
  });

  it("are written to a temporary file first, with a dot and the pid, whatever the length of their name", () => {
    const long = "n".repeat(255);
    machine.beforeCall = (call, from) => {
      if (call === "rename") expect(from).toMatch(/\/\.tmp-4321-\d+-\d+$/);
    };
    expect(files.create(path(long), "x")).toBe(true);
    expect(files.read(path(long))).toBe("x");
    expect.assertions(3);
  });

  it("leave no other files, and keep their content, if the disk fails", () => {
    files.create(path("a"), "one");
    machine.faults.set("rename", "EIO");
    expect(() => files.create(path("b"), "two")).toThrow(expect.objectContaining({ code: "EIO" }));
    expect([files.read(path("a")), readdirSync(directory)]).toEqual(["one", ["a"]]);
  });

  it("get another temporary name if the first exists, and never overwrite another program's file", () => {
    writeFileSync(path(".tmp-4321-1000000-0"), "somebody's");
    files.create(path("a"), "one");
    expect(readFileSync(path(".tmp-4321-1000000-0"), "utf8")).toBe("somebody's");
    expect(files.read(path("a"))).toBe("one");
  });
});

describe("directories", () => {
  it("are made with their parents, for root only, and may exist", () => {
    files.makeDirectory(path("x/y/z"));
    files.makeDirectory(path("x/y/z"));
    expect([modeOf(path("x")), modeOf(path("x/y/z"))]).toEqual([0o700, 0o700]);
  });

  it("may be made by another process in between", () => {
    machine.beforeCall = (call, made) => {
      if (call === "mkdir" && made === path("x")) mkdirSync(path("x/y"), { recursive: true });
    };
    files.makeDirectory(path("x/y"));
    expect(files.exists(path("x/y"))).toBe(true);
  });

  it("cannot be made below a file, or with an empty path", () => {
    writeFileSync(path("file"), "");
    expect(() => files.makeDirectory(path("file/x"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(() => files.makeDirectory("")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  it("must not be links to anything, or files", () => {
    mkdirSync(path("elsewhere"));
    symlinkSync(path("elsewhere"), path("link"));
    symlinkSync(path("nowhere"), path("dangling"));
    writeFileSync(path("file"), "");
    for (const name of ["link", "dangling"]) {
      expect(() => files.makeDirectory(path(name))).toThrow(expect.objectContaining({ code: "ELOOP" }));
      expect(() => files.hasDirectory(path(name))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    }
    expect(() => files.hasDirectory(path("file"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(["elsewhere", "nowhere"].map((name) => files.hasDirectory(path(name)))).toEqual([true, false]);
    expect(() => files.makeDirectory(path("file"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(files.exists(path("nowhere"))).toBe(false);
  });

  it("may be made below a link, such as /var/run", () => {
    mkdirSync(path("run"));
    symlinkSync(path("run"), path("var-run"));
    files.makeDirectory(path("var-run/cni/ib-sriov"));
    expect(modeOf(path("run/cni/ib-sriov"))).toBe(0o700);
  });

  it("are removed if they are empty, and only then", () => {
    mkdirSync(path("full/inner"), { recursive: true });
    files.removeDirectory(path("full"));
    expect(files.exists(path("full/inner"))).toBe(true);
    files.removeDirectory(path("full/inner"));
    files.removeDirectory(path("none"));
    expect(files.list(path("full"))).toEqual([]);
    writeFileSync(path("file"), "");
    expect(() => files.removeDirectory(path("file"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });

  it("list their entries, an empty list if the directory does not exist", () => {
    files.create(path("a"), "");
    files.create(path(".b"), "");
    expect([files.list(directory).sort(), files.list(path("none"))]).toEqual([[".b", "a"], []]);
    expect(() => files.list(path("a"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });
});

it("a file is a regular file or a link to a regular file; a link without a target exists, too", () => {
  files.create(path("a"), "");
  symlinkSync("a", path("link"));
  symlinkSync("nothing", path("dangling"));
  symlinkSync("loop", path("loop"));
  const names = ["a", "link", "dangling", "loop", ".", "none", "a/below", "n".repeat(300)];
  expect(names.map((name) => files.isFile(`${directory}/${name}`))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
  expect(names.map((name) => files.exists(`${directory}/${name}`))).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

it("a path that may not be examined does not exist, but any other failure is an error", () => {
  files.create(path("a"), "");
  const refuse = (errno: string) => machine.faults.set("stat", errno);
  refuse("EACCES");
  expect(files.exists(path("a"))).toBe(false);
  expect(() => files.isFile(path("a"))).toThrow(expect.objectContaining({ code: "EACCES" }));
  expect(() => files.makeDirectory(path("b"))).toThrow(expect.objectContaining({ code: "EACCES" }));
  refuse("EIO");
  expect(() => files.exists(path("a"))).toThrow(expect.objectContaining({ code: "EIO" }));
});

describe("a lock file", () => {
  it("contains the last text, also after a longer one", () => {
    const lock = files.lock(path(".vf"));
    expect(lock.read()).toBe("");
    lock.write("an owner with a long name");
    lock.write("ünser");
    expect(lock.read()).toBe("ünser");
    expect(statSync(path(".vf")).size).toBe(1280);
    lock.release();
    expect(files.lock(path(".vf")).read()).toBe("ünser");
  });

  it("has at most 1280 bytes", () => {
    const lock = files.lock(path(".vf"));
    lock.write("é".repeat(640));
    expect(lock.read()).toBe("é".repeat(640));
    expect(() => lock.write("é".repeat(641))).toThrow(/write the lock file .*EFBIG/);
    expect(lock.read()).toBe("é".repeat(640));
  });

  it("is waited for until a deadline, and the error names the file", () => {
    const lock = files.lock(path(".vf"));
    machine.faults.set("lock", "ETIMEDOUT");
    expect(() => lock.acquire(5)).toThrow(
      expect.objectContaining({
        name: "TimeoutError",
        message: `timed out waiting for the lock ${path(".vf")}`,
      }),
    );
    machine.faults.clear();
    lock.acquire(5);
  });

  it("is named in the error if it cannot be written", () => {
    const lock = files.lock(path(".vf"));
    lock.release();
    expect(() => lock.write("too late")).toThrow(new RegExp(`^write the lock file ${path(".vf")}: .*EBADF`));
  });

  it("is unlocked before it is closed if a child has its descriptor, and only then", () => {
    const unlocked = () => machine.calls.filter((call) => call.startsWith("unlock"));
    files.lock(path(".vf")).release();
    expect(unlocked()).toEqual([]);
    const lock = files.lock(path(".vf"));
    const fd = lock.share();
    lock.release();
    expect(unlocked()).toEqual([`unlock ${fd}`]);
  });

  it("is closed also if unlocking fails", () => {
    machine.faults.set("unlock", "ENOLCK");
    const lock = files.lock(path(".vf"));
    const fd = lock.share();
    expect(() => lock.release()).toThrow("ENOLCK");
    const other = files.lock(path(".other"));
    expect(other.share()).toBe(fd);
  });

  it("is closed once", () => {
    const lock = files.lock(path(".vf"));
    lock.release();
    // The number may be another file's descriptor now.
    const other = files.lock(path(".other"));
    expect(other.share()).toBe(lock.share());
    lock.release();
    other.write("still open");
    expect(other.read()).toBe("still open");
    other.release();
  });
});
