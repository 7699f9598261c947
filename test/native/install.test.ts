// The installer: what it copies, and what it refuses.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { executable, freshPath, scratch } from "./harness.ts";
import { freshDirectory, other, own, replace, run, started } from "./installer.ts";

describe("with --no-sleep it copies itself and ends", () => {
  test.each([
    ["--cni-bin-dir=DIR", "--no-sleep"],
    ["-no-sleep", "-cni-bin-dir", "DIR"],
    ["--cni-bin-dir", "DIR", "--no-sleep=true"],
  ])("as %s %s", (...words) => {
    const directory = freshDirectory();
    const { status, stderr } = run(words.map((word) => word.replace("DIR", directory)));
    expect([status, stderr]).toEqual([0, ""]);
    expect(readdirSync(directory)).toEqual(["ib-sriov"]);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
    expect(statSync(`${directory}/ib-sriov`).mode & 0o7777).toBe(0o755);
  });

  test("over an existing file, also a link, which it does not follow", () => {
    const directory = freshDirectory();
    replace(directory, other);
    expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
    const elsewhere = freshPath("elsewhere");
    writeFileSync(elsewhere, "theirs");
    unlinkSync(`${directory}/ib-sriov`);
    symlinkSync(elsewhere, `${directory}/ib-sriov`);
    expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
    expect(readFileSync(elsewhere, "utf8")).toBe("theirs");
  });

  test("another file if it is named", () => {
    const directory = freshDirectory();
    const file = freshPath("file");
    writeFileSync(file, "anything");
    const args = [`--cni-bin-dir=${directory}`, `--ib-sriov-cni-bin-file=${file}`, "--no-sleep"];
    expect(run(args).status).toBe(0);
    expect(readFileSync(`${directory}/ib-sriov`, "utf8")).toBe("anything");
  });

  test("a running executable continues with its file", async () => {
    const directory = freshDirectory();
    const sleeper = `${directory}/ib-sriov`;
    copyFileSync("/bin/sleep", sleeper);
    const child = started(spawn(sleeper, ["60"]));
    await new Promise((done) => child.once("spawn", done));
    expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
    expect(child.exitCode).toBe(null);
    child.kill();
  });
});

describe("with --check it changes nothing, and succeeds only if the copy is intact", () => {
  const check = (directory: string) => run([`--cni-bin-dir=${directory}`, "--check"]);

  test("after the installation", () => {
    const directory = freshDirectory();
    run([`--cni-bin-dir=${directory}`, "--no-sleep"]);
    expect(check(directory)).toEqual({
      status: 0,
      stdout: `${directory}/ib-sriov is installed\n`,
      stderr: "",
    });
  });

  const changed = Buffer.from(own);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  test.each<[string, (directory: string) => void, RegExp]>([
    ["nothing", () => {}, /is not installed: .*ENOENT/],
    ["another plugin", (directory) => replace(directory, other), /ib-sriov is another plugin, and not \//],
    ["a plugin of the same size", (directory) => replace(directory, changed), /is another plugin/],
    ["a part of it", (directory) => replace(directory, own.subarray(0, 70_000)), /is another plugin/],
    ["a copy without its mode", (directory) => replace(directory, own, 0o644), /is not an executable file/],
    ["a directory", (directory) => mkdirSync(`${directory}/ib-sriov`), /is not an executable file/],
  ])("%s is at its path", (_what, prepare, message) => {
    const directory = freshDirectory();
    prepare(directory);
    const before = readdirSync(directory);
    const { status, stdout, stderr } = check(directory);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(readdirSync(directory)).toEqual(before);
  });
});

test("under the name of the Go plugin's installer it has the same defaults", () => {
  const entrypoint = `${scratch}/thin_entrypoint`;
  symlinkSync(resolve(executable), entrypoint);
  const { status, stderr } = run([], entrypoint);
  // The image has that directory; this machine does not.
  expect(existsSync("/host/opt/cni/bin")).toBe(false);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^Error: CNI bin directory "\/host\/opt\/cni\/bin" does not exist: .*ENOENT.*--cni-bin-dir\n$/,
  );
});

describe("it reports errors", () => {
  test.each<[string, string[], number, RegExp]>([
    ["a directory that does not exist", ["--cni-bin-dir=/absent"], 1, /"\/absent" does not exist: .*ENOENT/],
    ["a directory that is a file", ["--cni-bin-dir=/dev/null"], 1, /"\/dev\/null" is not a directory/],
    [
      "an executable that does not exist",
      ["--cni-bin-dir=/tmp", "--ib-sriov-cni-bin-file=/absent"],
      1,
      /binary file "\/absent" does not exist/,
    ],
    [
      "an executable that is a directory",
      ["--cni-bin-dir=/tmp", "--ib-sriov-cni-bin-file=/tmp"],
      1,
      /binary file "\/tmp" is not a regular file/,
    ],
    [
      "a directory that cannot be written",
      ["--cni-bin-dir=/proc/self"],
      1,
      /cannot copy .*: open \/proc.*ENOENT/,
    ],
    ["an unknown flag", ["--sleep"], 2, /^flag provided but not defined: -sleep\nCopies/],
    ["an unexpected argument", ["instal"], 2, /^unexpected argument: instal\n/],
  ])("%s", (_what, args, status, message) => {
    const result = run(args);
    expect([result.status, result.stdout]).toEqual([status, ""]);
    expect(result.stderr).toMatch(message);
  });

  test("and leaves no file if the copy cannot be put in place", () => {
    const directory = freshDirectory();
    mkdirSync(`${directory}/ib-sriov`);
    const { status, stderr } = run([`--cni-bin-dir=${directory}`, "--no-sleep"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/cannot copy .*: renameat2 .*EISDIR/);
    expect(readdirSync(directory)).toEqual(["ib-sriov"]);
  });
});

test("is a command of the command line, too; CNI_COMMAND takes precedence", () => {
  const directory = freshDirectory();
  const call = (words: string[], env = {}) => spawnSync(executable, words, { encoding: "utf8", env });
  expect(run(["-h"])).toMatchObject({ status: 0, stderr: "" });
  expect(call(["install", "--help"]).stdout).toBe(run(["-h"]).stdout);
  expect(call(["install", `--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
  expect(readdirSync(directory)).toEqual(["ib-sriov"]);
  expect(call(["install"], { CNI_COMMAND: "VERSION" }).stdout).toContain("supportedVersions");
});

test("the file of a killed installer is removed, that of a running installer is not", () => {
  const directory = freshDirectory();
  const [old, young] = [`.ib-sriov.${Date.now() - 700_000}.1`, `.ib-sriov.${Date.now()}.1`];
  for (const name of [old, young, ".ib-sriov.mine", "other"]) writeFileSync(`${directory}/${name}`, "");
  expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
  expect(readdirSync(directory).sort()).toEqual([".ib-sriov.mine", young, "ib-sriov", "other"].sort());
});
