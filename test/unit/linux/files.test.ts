import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinuxFiles } from "../../../src/linux/files/files.ts";
import { hostFiles } from "./host-files.ts";
import { modeOf, scratchFiles } from "./scratch-files.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("./host-files.ts")),
}));

let directory: string;
let files: LinuxFiles;

beforeEach(() => {
  ({ directory, files } = scratchFiles());
});
afterEach(() => rmSync(directory, { recursive: true }));

const path = (name: string) => join(directory, name);

describe("state files", () => {
  it("are made once, for root only, and nothing is left beside them", () => {
    expect(files.create(path("a"), "one")).toBe(true);
    expect(files.create(path("a"), "two")).toBe(false);
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["one", 0o600, ["a"]]);
  });

  it("are changed in place, and not made by that", () => {
    files.create(path("a"), "one, and long");
    files.patch(path("a"), 5, "&");
    expect(files.read(path("a"))).toBe("one, &nd long");
    expect(() => files.patch(path("b"), 0, "x")).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(readdirSync(directory)).toEqual(["a"]);
  });

  it("are not made by way of another file where the disk fails", () => {
    hostFiles.onCreateWhole = () => {
      throw hostFiles.error("ENOSPC");
    };
    expect(() => files.create(path("a"), "x")).toThrow(expect.objectContaining({ code: "ENOSPC" }));
    expect(readdirSync(directory)).toEqual([]);
  });

  it("that are gone are undefined to read, and removed already", () => {
    expect(files.read(path("none"))).toBeUndefined();
    files.remove(path("none"));
    files.create(path("a"), "x");
    files.remove(path("a"));
    expect(files.exists(path("a"))).toBe(false);
  });

  it("that are directories are removed where they are empty, and left otherwise", () => {
    mkdirSync(path("full/inner"), { recursive: true });
    files.remove(path("full"));
    expect(files.exists(path("full/inner"))).toBe(true);
    files.remove(path("full/inner"));
    files.remove(path("full"));
    expect(readdirSync(directory)).toEqual([]);
    writeFileSync(path("file"), "");
    expect(() => files.remove(path("file/x"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });

  it("are not links, nor directories", () => {
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

describe("state files, where the file system has no nameless ones", () => {
  beforeEach(() => {
    hostFiles.onCreateWhole = () => {
      throw hostFiles.error("EOPNOTSUPP");
    };
  });

  it("are made once, for root only, and nothing is left beside them", () => {
    expect(files.create(path("a"), "one")).toBe(true);
    expect(files.create(path("a"), "two")).toBe(false);
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["one", 0o600, ["a"]]);
  });

  it("of somebody else are replaced whole, with their mode, by way of a file whose name the caller knows", () => {
    files.create(path("a"), "one");
    writeFileSync(path("a.new"), "what a kill has left");
    files.replaceForeign(path("a"), "two", 0o444, path("a.new"));
    expect([files.read(path("a")), modeOf(path("a")), readdirSync(directory)]).toEqual(["two", 0o444, ["a"]]);
    hostFiles.onRename = () => {
      throw hostFiles.error("EIO");
    };
    expect(() => files.replaceForeign(path("a"), "three", 0o444, path("a.new"))).toThrow(
      expect.objectContaining({ code: "EIO" }),
    );
    expect([files.read(path("a")), readdirSync(directory)]).toEqual(["two", ["a"]]);
  });

  it("are written beside themselves first, under a dot and our pid, whatever the length of their name", () => {
    const long = "n".repeat(255);
    hostFiles.onRename = (from) => expect(from).toMatch(/\/\.tmp-4321-\d+-\d+$/);
    expect(files.create(path(long), "x")).toBe(true);
    expect(files.read(path(long))).toBe("x");
    expect.assertions(3);
  });

  it("leave nothing behind, and keep what was there, where the disk fails in between", () => {
    files.create(path("a"), "one");
    hostFiles.onRename = () => {
      throw hostFiles.error("EIO");
    };
    expect(() => files.create(path("b"), "two")).toThrow(expect.objectContaining({ code: "EIO" }));
    expect([files.read(path("a")), readdirSync(directory)]).toEqual(["one", ["a"]]);
  });

  it("take another temporary name where one is taken, and never somebody else's file", () => {
    writeFileSync(path(".tmp-4321-1000000-0"), "somebody's");
    files.create(path("a"), "one");
    expect(readFileSync(path(".tmp-4321-1000000-0"), "utf8")).toBe("somebody's");
    expect(files.read(path("a"))).toBe("one");
  });
});

describe("directories", () => {
  it("are made with their parents, for root only, and may be there", () => {
    files.makeDirectory(path("x/y/z"));
    files.makeDirectory(path("x/y/z"));
    expect([modeOf(path("x")), modeOf(path("x/y/z"))]).toEqual([0o700, 0o700]);
  });

  it("may be made by somebody else in between", () => {
    hostFiles.onMkdir = (made) => {
      if (made === path("x")) mkdirSync(path("x/y"), { recursive: true });
    };
    files.makeDirectory(path("x/y"));
    expect(files.exists(path("x/y"))).toBe(true);
  });

  it("cannot be made below a file, nor in nothing", () => {
    writeFileSync(path("file"), "");
    expect(() => files.makeDirectory(path("file/x"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(() => files.makeDirectory("")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  it("are no links, wherever these lead, nor anything else", () => {
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

  it("may be made where a link leads to, as /var/run does", () => {
    mkdirSync(path("run"));
    symlinkSync(path("run"), path("var-run"));
    files.makeDirectory(path("var-run/cni/ib-sriov"));
    expect(modeOf(path("run/cni/ib-sriov"))).toBe(0o700);
  });

  it("are removed where they are empty, and only then", () => {
    mkdirSync(path("full/inner"), { recursive: true });
    files.removeDirectory(path("full"));
    expect(files.exists(path("full/inner"))).toBe(true);
    files.removeDirectory(path("full/inner"));
    files.removeDirectory(path("none"));
    expect(files.list(path("full"))).toEqual([]);
    writeFileSync(path("file"), "");
    expect(() => files.removeDirectory(path("file"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });

  it("list their names, none where there is no directory", () => {
    files.create(path("a"), "");
    files.create(path(".b"), "");
    expect([files.list(directory).sort(), files.list(path("none"))]).toEqual([[".b", "a"], []]);
    expect(() => files.list(path("a"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });
});

it("a file is a regular file or a link to one; anything exists, a link to nothing too", () => {
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

it("nothing is there where we may not look, but where looking fails that is said", () => {
  files.create(path("a"), "");
  const refuse = (errno: string) => {
    hostFiles.onStat = () => {
      throw hostFiles.error(errno);
    };
  };
  refuse("EACCES");
  expect(files.exists(path("a"))).toBe(false);
  expect(() => files.isFile(path("a"))).toThrow(expect.objectContaining({ code: "EACCES" }));
  expect(() => files.makeDirectory(path("b"))).toThrow(expect.objectContaining({ code: "EACCES" }));
  refuse("EIO");
  expect(() => files.exists(path("a"))).toThrow(expect.objectContaining({ code: "EIO" }));
});

describe("a lock file", () => {
  it("says what was written last, also after something longer", () => {
    const lock = files.lock(path(".vf"));
    expect(lock.read()).toBe("");
    lock.write("somebody with a long name");
    lock.write("ünser");
    expect(lock.read()).toBe("ünser");
    expect(statSync(path(".vf")).size).toBe(1024);
    lock.release();
    expect(files.lock(path(".vf")).read()).toBe("ünser");
  });

  it("takes 1024 bytes and no more", () => {
    const lock = files.lock(path(".vf"));
    lock.write("é".repeat(512));
    expect(lock.read()).toBe("é".repeat(512));
    expect(() => lock.write("é".repeat(513))).toThrow(/write the lock file .*EFBIG/);
    expect(lock.read()).toBe("é".repeat(512));
  });

  it("is waited for until a deadline, and names itself then", () => {
    const lock = files.lock(path(".vf"));
    hostFiles.onLock = () => {
      throw hostFiles.error("ETIMEDOUT");
    };
    expect(() => lock.acquire(5)).toThrow(
      expect.objectContaining({
        name: "TimeoutError",
        message: `waited for the lock ${path(".vf")} in vain`,
      }),
    );
    hostFiles.onLock = () => {};
    lock.acquire(5);
  });

  it("is named where it cannot be written", () => {
    const lock = files.lock(path(".vf"));
    lock.release();
    expect(() => lock.write("too late")).toThrow(new RegExp(`^write the lock file ${path(".vf")}: .*EBADF`));
  });

  it("is unlocked before it is closed if a child was given its descriptor, and only then", () => {
    const unlocked: number[] = [];
    hostFiles.onUnlock = (fd) => void unlocked.push(fd);
    files.lock(path(".vf")).release();
    expect(unlocked).toEqual([]);
    const lock = files.lock(path(".vf"));
    const fd = lock.share();
    lock.release();
    expect(unlocked).toEqual([fd]);
  });

  it("is closed also if it cannot be unlocked", () => {
    hostFiles.onUnlock = () => {
      throw hostFiles.error("ENOLCK");
    };
    const lock = files.lock(path(".vf"));
    const fd = lock.share();
    expect(() => lock.release()).toThrow("ENOLCK");
    const other = files.lock(path(".other"));
    expect(other.share()).toBe(fd);
  });

  it("is closed once", () => {
    const lock = files.lock(path(".vf"));
    lock.release();
    // Somebody else's descriptor now, perhaps.
    const other = files.lock(path(".other"));
    expect(other.share()).toBe(lock.share());
    lock.release();
    other.write("still open");
    expect(other.read()).toBe("still open");
    other.release();
  });
});
