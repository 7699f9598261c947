// The directory that make builds in and that `make clean` removes.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";

const scratch = mkdtempSync(join(tmpdir(), "makefile-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function make(...args: string[]) {
  const { status, stderr } = spawnSync("make", ["--no-print-directory", ...args], {
    // This test can be called by make.
    env: { ...process.env, MAKEFLAGS: "", MAKELEVEL: "0" },
    encoding: "utf8",
  });
  // Without the last line, in which make names the rule.
  return { status, errors: stderr.split("\n").filter((line) => line !== "" && !/^make: \*\*\*/.test(line)) };
}

/** Creates a file in a fresh directory. */
function foreignFile(name: string): string {
  const file = join(scratch, name, "file");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "");
  return file;
}

test.each(["", "a b", "..", "build/../src", "a:b", "a#b", "a%b", "a$$b", "~"])(
  "make refuses B=%j with one line",
  (path) => {
    const { status, errors } = make(`B=${path}`, "clean");
    expect(status).toBe(2);
    expect(errors).toEqual([
      expect.stringMatching(/^Makefile:\d+: \*\*\* build in B='.*': make cannot use this/),
    ]);
  },
);

test("make clean removes only a directory that a build has made", () => {
  const file = foreignFile("foreign");
  expect(make(`B=${dirname(file)}`, "clean")).toEqual({
    status: 2,
    errors: [`remove ${dirname(file)}: not possible, because no build has made this directory`],
  });
  expect(existsSync(file)).toBe(true);
  const made = join(scratch, "made/here");
  expect(make(`B=${made}`, `${made}/.ib-sriov-build`)).toEqual({ status: 0, errors: [] });
  expect(make(`B=${made}`, "clean")).toEqual({ status: 0, errors: [] });
  expect([existsSync(made), existsSync(dirname(made))]).toEqual([false, true]);
  expect(make(`B=${made}`, "clean")).toEqual({ status: 0, errors: [] });
});

test("make does not build in a directory with other files, which `make clean` would remove", () => {
  const file = foreignFile("full");
  const directory = dirname(file);
  expect(make(`B=${directory}`, `${directory}/.ib-sriov-build`)).toEqual({
    status: 2,
    errors: [`build in ${directory}: the directory contains other files; name a new or an empty directory`],
  });
  expect(existsSync(join(directory, ".ib-sriov-build"))).toBe(false);
});

test.each(["back\\slash", "new\nline"])("make refuses sources in %j with one line", (name) => {
  const directory = join(scratch, name);
  mkdirSync(directory);
  const { status, errors } = make("-C", directory, "-f", join(process.cwd(), "Makefile"), "help");
  expect(status).toBe(2);
  expect(errors).toEqual([expect.stringMatching(/Makefile:\d+: \*\*\* build in a directory whose path has/)]);
});
