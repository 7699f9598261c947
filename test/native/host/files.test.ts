import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath, withFailing } from "../harness.ts";

describe("readFile", () => {
  test("returns the whole text, of any length", () => {
    for (const length of [0, 1, 4095, 4096, 65535, 65536, 65537, 1048576]) {
      const path = fileWith("a".repeat(length));
      expect(evaluate("return linux.readFile(input).length;", path)).toBe(length);
    }
  });

  test("returns text in all of Unicode, and U+FFFD for invalid bytes", () => {
    expect(evaluate("return linux.readFile(input);", fileWith("ü €\0 😀"))).toBe("ü €\0 😀");
    expect(evaluate("return linux.readFile(input);", fileWith(Uint8Array.of(97, 0xff, 98)))).toBe("a\ufffdb");
  });

  test("refuses more than the limit, and accepts exactly the limit", () => {
    const path = fileWith("12345");
    expect(evaluate("return linux.readFile(input, 5);", path)).toBe("12345");
    expect(failure("linux.readFile(input, 4);", path)).toMatchObject({ code: "EFBIG", errno: 27 });
    expect(failure("linux.readFile(input);", fileWith("a".repeat(1048577)))).toMatchObject({ code: "EFBIG" });
  });

  test("reports the call, its path, and the reason", () => {
    const path = freshPath("absent");
    expect(failure("linux.readFile(input);", path)).toMatchObject({
      name: "Error",
      code: "ENOENT",
      errno: 2,
      call: "open",
      subject: path,
      message: `open ${path}: No such file or directory (ENOENT)`,
    });
  });

  test("names the script and the line in the stack", () => {
    expect(failure("\n\nhost.readFile('/absent');").stack).toMatch(/^ {4}at .*script-\d+:14:14\)\n/);
  });

  test("reads procfs, in which a short read is not the end, and sysfs, in which it is", () => {
    const path = "/proc/self/mountinfo";
    expect(evaluate("return linux.readFile(input).endsWith('\\n');", path)).toBe(true);
    const bogus = "/proc/kallsyms";
    expect(evaluate("return linux.readFile(input, 1 << 26).length;", bogus)).toBe(readFileSync(bogus).length);
    expect(evaluate("return linux.readFile('/sys/class/net/lo/mtu');")).toBe("65536\n");
  });

  test("refuses a path with a NUL byte, which would name another file", () => {
    const path = fileWith("secret");
    expect(failure("linux.readFile(input + '\\0.txt');", path)).toMatchObject({
      code: "EINVAL",
      call: "open",
    });
    expect(failure("linux.readFile('');")).toMatchObject({ code: "ENOENT" });
  });

  test("refuses a path that is not a string", () => {
    expect(failure("linux.readFile(undefined);")).toMatchObject({ name: "TypeError" });
    expect(failure("linux.readFile(7);")).toMatchObject({ name: "TypeError" });
  });

  test("opens names in invalid UTF-8, as the kernel returned them", () => {
    const script = `
      const path = input + "/" + linux.readDirectory(input)[0];
      return [path.length - input.length, linux.readFile(path)];`;
    const directory = freshPath("directory");
    execFileSync("sh", ["-c", `mkdir "$1" && printf found >"$1/$(printf 'a\\377\\374b')"`, "sh", directory]);
    expect(evaluate(script, directory)).toEqual([5, "found"]);
  });
});

test("an expected errno is `undefined`, from whatever call; any other errno is an error", () => {
  const absent = freshPath("absent");
  const read = (name: string, path: string, expected: string) =>
    `return linux.${name}(${path}, undefined, ${expected}) === undefined;`;
  for (const name of ["readFile", "readRegularFile"]) {
    expect(evaluate(read(name, "input", "['ENODEV', 'ENOENT']"), absent)).toBe(true);
    expect(evaluate(`return linux.${name}(input, undefined, ['ENOENT']);`, fileWith("text"))).toBe("text");
    expect(failure(read(name, "input", "['ENODEV']"), absent)).toMatchObject({
      code: "ENOENT",
      call: "open",
    });
    expect(failure(read(name, "input + '\\0'", "['EINVAL']"), absent)).toMatchObject({ code: "EINVAL" });
  }
  expect(evaluate("return host.stat(input, ['ENOENT']) === undefined;", absent)).toBe(true);
  expect(evaluate("return host.stat('/tmp', ['ENOENT']).type;")).toBe("directory");
  expect(failure("host.stat(input, ['EACCES']);", absent)).toMatchObject({ code: "ENOENT" });
  // From read(2): a directory can be opened.
  expect(evaluate(read("readFile", "'/tmp'", "['EISDIR']"))).toBe(true);
  expect(failure(read("readFile", "'/tmp'", "['ENOENT']"))).toMatchObject({ code: "EISDIR", call: "read" });
});

describe("readRegularFile", () => {
  test("reads a file", () => {
    expect(evaluate("return linux.readRegularFile(input);", fileWith("text"))).toBe("text");
    expect(failure("linux.readRegularFile(input, 3);", fileWith("text"))).toMatchObject({ code: "EFBIG" });
  });

  test("does not follow a link", () => {
    const link = freshPath("link");
    symlinkSync(fileWith("text"), link);
    expect(failure("linux.readRegularFile(input);", link)).toMatchObject({ code: "ELOOP" });
    expect(evaluate("return linux.readFile(input);", link)).toBe("text");
  });

  test("does not wait for a FIFO, and refuses devices and directories", () => {
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [fifo, "/dev/null", "/tmp"]) {
      expect(failure("linux.readRegularFile(input);", path)).toMatchObject({ code: "EINVAL", subject: path });
    }
  });
});

describe("rename", () => {
  test("replaces", () => {
    const [from, to] = [fileWith("new"), fileWith("old")];
    evaluate("host.rename(input[0], input[1], 0);", [from, to]);
    expect([existsSync(from), readFileSync(to, "utf8")]).toEqual([false, "new"]);
  });

  test("with noReplace leaves both files if the target exists, and renames if it does not", () => {
    const [from, to, fresh] = [fileWith("new"), fileWith("old"), freshPath("fresh")];
    expect(failure("linux.renameNew(input[0], input[1]);", [from, to])).toMatchObject({
      code: "EEXIST",
      subject: to,
    });
    expect([readFileSync(from, "utf8"), readFileSync(to, "utf8")]).toEqual(["new", "old"]);
    evaluate("linux.renameNew(input[0], input[1]);", [from, fresh]);
    expect([existsSync(from), readFileSync(fresh, "utf8")]).toEqual([false, "new"]);
  });

  test("with noReplace does the same on a file system without support for it", () => {
    const old = withFailing("renameat2", "EINVAL");
    const [from, to, fresh] = [fileWith("new"), fileWith("old"), freshPath("fresh")];
    expect(failure("linux.renameNew(input[0], input[1]);", [from, to], old)).toMatchObject({
      code: "EEXIST",
    });
    expect([readFileSync(from, "utf8"), readFileSync(to, "utf8")]).toEqual(["new", "old"]);
    evaluate("linux.renameNew(input[0], input[1]);", [from, fresh], old);
    expect([existsSync(from), readFileSync(fresh, "utf8")]).toEqual([false, "new"]);
  });

  test("with noReplace succeeds for a single process of many", () => {
    const target = freshPath("target");
    const script = `
      let won = 0;
      for (const from of input.froms) {
        try { linux.renameNew(from, input.target); won++; } catch (error) { if (error.code !== "EEXIST") throw error; }
      }
      return won;`;
    expect(evaluate(script, { froms: [fileWith("a"), fileWith("b"), fileWith("c")], target })).toBe(1);
    expect(readFileSync(target, "utf8")).toBe("a");
  });
});

test("unlink removes a file, not a directory, and fails for a missing file", () => {
  const path = fileWith("");
  evaluate("host.unlink(input);", path);
  expect(existsSync(path)).toBe(false);
  expect(failure("host.unlink(input);", path)).toMatchObject({ code: "ENOENT", subject: path });
  expect(failure("host.unlink('/tmp');").code).toMatch(/^E(ISDIR|PERM)$/);
});

test("stat returns type, identity, size and mode, of a link or of its target", () => {
  const path = fileWith("12345");
  const link = freshPath("link");
  symlinkSync(path, link);
  const { dev, ino, mode, mtimeNs, uid, gid, nlink } = statSync(path, { bigint: true });
  const modified = expect.closeTo(Number(mtimeNs) / 1e6, 2);
  const permissions = Number(mode & 0o7777n);
  const file = {
    type: "file",
    device: `${dev}`,
    inode: `${ino}`,
    size: 5,
    mode: permissions,
    modified,
    user: Number(uid),
    group: Number(gid),
    names: Number(nlink),
  };
  expect(evaluate("return host.stat(input);", link)).toEqual(file);
  expect(evaluate("return host.lstat(input);", link)).toMatchObject({ type: "link" });
  expect(evaluate("return [host.stat('/tmp').type, host.stat('/dev/null').type];")).toEqual([
    "directory",
    "other",
  ]);
  expect(evaluate("const fd = linux.openNamespace(input); return host.fstat(fd);", path)).toEqual(file);
  expect(failure("host.fstat(999);")).toMatchObject({ code: "EBADF", subject: "fd 999" });
});

test("no descriptor stays open, whatever fails", () => {
  const script = `
    const before = linux.readDirectory("/proc/self/fd").length;
    for (const action of [
      () => linux.readFile(input), () => linux.readFile(input, 1), () => linux.readRegularFile("/dev/null"),
      () => linux.readRegularFile(input, 1), () => host.writeFile("/dev/full", "x"), () => linux.createFile(input, "x", 0o600),
      () => linux.createWhole(input, "x", 0o600), () => linux.patch("/dev/full", 0, "x"),
      () => linux.readDirectory(input), () => linux.readDirectory("/"), () => linux.openLockFile("/dev/null", 0o600),
    ]) {
      try { action(); } catch { /* as it should be */ }
    }
    return linux.readDirectory("/proc/self/fd").length - before;`;
  expect(evaluate(script, fileWith("text"))).toBe(0);
});

test("deviceNumber returns the number of a character device, also through a link, and nothing for other files", () => {
  const number = "return host.deviceNumber(input, ['ENOENT']) ?? 'none';";
  expect(evaluate(number, "/dev/null")).toBe("1:3");
  expect(evaluate("return host.deviceNumber('/proc/self/fd/' + linux.openNamespace('/dev/zero'), []);")).toBe(
    "1:5",
  );
  for (const path of ["/etc/passwd", "/etc", freshPath("absent")])
    expect(evaluate(number, path)).toBe("none");
  expect(failure("host.deviceNumber(input, []);", freshPath("absent"))).toMatchObject({
    code: "ENOENT",
    call: "statx",
  });
});
