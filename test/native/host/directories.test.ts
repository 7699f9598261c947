import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluate, failure, freshPath, withFailing } from "../harness.ts";

test("mkdir and rmdir", () => {
  const path = freshPath("directory");
  evaluate("host.mkdir(input, 0o700);", path);
  expect(statSync(path).mode & 0o7777).toBe(0o700);
  expect(failure("host.mkdir(input, 0o700);", path)).toMatchObject({
    code: "EEXIST",
    call: "mkdir",
    subject: path,
  });
  writeFileSync(join(path, "file"), "");
  expect(failure("host.rmdir(input);", path)).toMatchObject({ code: "ENOTEMPTY", call: "rmdir" });
  evaluate("host.unlink(input + '/file'); host.rmdir(input);", path);
  expect(existsSync(path)).toBe(false);
});

test("readDirectory lists every name once, also of a large directory", () => {
  const path = freshPath("directory");
  mkdirSync(path);
  expect(evaluate("return linux.readDirectory(input);", path)).toEqual([]);
  // More than one buffer of the system call.
  const names = Array.from({ length: 3000 }, (_, i) => `a-name-of-some-length-${i}`);
  for (const name of names) writeFileSync(join(path, name), "");
  expect(evaluate("return linux.readDirectory(input).sort();", path)).toEqual(names.sort());
});

test("readDirectory fails for a file", () => {
  expect(failure("linux.readDirectory('/dev/null');")).toMatchObject({ code: "ENOTDIR" });
  expect(failure("linux.readDirectory(input);", freshPath())).toMatchObject({ code: "ENOENT" });
});

test("an expected errno is `undefined` instead of an error; any other errno is an error", () => {
  const absent = freshPath();
  const link = freshPath("link");
  symlinkSync("target", link);
  const gone = "['ENODEV', 'ENOENT']";
  expect(evaluate(`return linux.readDirectory(input, ${gone}) === undefined;`, absent)).toBe(true);
  expect(evaluate(`return host.readLink(input, ${gone}) === undefined;`, absent)).toBe(true);
  expect(evaluate(`return host.readLink(input, ${gone});`, link)).toBe("target");
  expect(evaluate("return host.readLink('/tmp', ['ENOENT', 'EINVAL']) === undefined;")).toBe(true);
  expect(failure(`linux.readDirectory('/dev/null', ${gone});`)).toMatchObject({ code: "ENOTDIR" });
  expect(failure(`host.readLink('/tmp', ${gone});`)).toMatchObject({ code: "EINVAL" });
  expect(failure("host.readLink(input, []);", absent)).toMatchObject({ code: "ENOENT" });
  // A part of a name, or another type, does not match.
  expect(failure("host.readLink(input, ['ENO', 'ENOENTX', 7, 'ENOENT']);", absent)).toMatchObject({
    code: "ENOENT",
  });
  expect(failure("host.readLink(input, 'ENOENT');", absent)).toMatchObject({ code: "ENOENT" });
});

test("readLink returns the target as it is, up to the longest", () => {
  const link = freshPath("link");
  symlinkSync("../somewhere/ü", link);
  expect(evaluate("return host.readLink(input);", link)).toBe("../somewhere/ü");
  const long = freshPath("link");
  const target = `${"x/".repeat(2047)}y`;
  symlinkSync(target, long);
  expect(evaluate("return host.readLink(input);", long)).toBe(target);
  expect(failure("host.readLink('/tmp');")).toMatchObject({ code: "EINVAL", call: "readlink" });
});

test("requireWritable reports the error that creating a file would have, and creates no file", () => {
  const path = freshPath("directory");
  mkdirSync(path);
  expect(evaluate("return linux.requireWritable(input);", path)).toBe(true);
  expect(readdirSync(path)).toEqual([]);
  expect(evaluate("return linux.requireWritable(input);", freshPath())).toBe(false);
  const file = freshPath();
  writeFileSync(file, "");
  expect(failure("linux.requireWritable(input);", file)).toMatchObject({ code: "ENOTDIR", call: "access" });
  for (const [call, failed] of [
    ["faccessat", "access"],
    ["statfs", "statfs"],
  ] as const) {
    const readOnly = withFailing(call, "EROFS");
    expect(failure("linux.requireWritable(input);", path, readOnly)).toMatchObject({
      code: "EROFS",
      call: failed,
      subject: `${path}/.`,
    });
  }
});
