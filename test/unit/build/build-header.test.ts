// Version, commit and date in the executable (scripts/build-header), in repositories that the test makes.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const scratch = mkdtempSync(join(tmpdir(), "build-header-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const date = "2023-11-14T22:13:20Z";
const identity = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b",
};
const own = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
const env = { ...own, ...identity, GIT_COMMITTER_DATE: date };

/** Creates a directory with the sources of version 1.2.0 that the script reads. */
function sources(name: string): string {
  const directory = join(scratch, name);
  mkdirSync(join(directory, "scripts"), { recursive: true });
  mkdirSync(join(directory, "src"));
  copyFileSync("scripts/build-header", join(directory, "scripts/build-header"));
  writeFileSync(join(directory, "package.json"), '{\n  "version": "1.2.0",\n  "x": 1\n}\n');
  return directory;
}

function git(directory: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: directory, env, encoding: "utf8" }).trim();
}

/** Creates a repository of these sources with one commit. */
function repository(name: string): string {
  const directory = sources(name);
  git(directory, "init", "--quiet");
  git(directory, "add", ".");
  git(directory, "commit", "--quiet", "--message=first");
  return directory;
}

function header(directory: string, more: Readonly<Record<string, string>> = {}) {
  const text = execFileSync(join(directory, "scripts/build-header"), {
    env: { ...own, ...more },
    encoding: "utf8",
  });
  const values = text.matchAll(/^#define IB_SRIOV_(\w+) "(.*)"$/gm);
  return Object.fromEntries(Array.from(values, ([, key = "", value = ""]) => [key.toLowerCase(), value]));
}

test("at a tag it is the tag's version, after it with the number of commits, before it with that of all commits", () => {
  const directory = repository("tags");
  const head = git(directory, "rev-parse", "HEAD");
  expect(header(directory)).toEqual({ version: `1.2.0-1-g${head.slice(0, 12)}`, commit: head, date });
  git(directory, "tag", "--annotate", "--message=release", "v1.2.0");
  git(directory, "tag", "other");
  expect(header(directory)).toEqual({ version: "1.2.0", commit: head, date });
  git(directory, "commit", "--quiet", "--allow-empty", "--message=second");
  const second = git(directory, "rev-parse", "HEAD");
  expect(header(directory)).toEqual({ version: `1.2.0-1-g${second.slice(0, 12)}`, commit: second, date });
});

test("a changed file, or a new file in a directory that the build reads, makes it dirty", () => {
  const directory = repository("changes");
  git(directory, "tag", "v1.2.0");
  writeFileSync(join(directory, "notes.txt"), "");
  expect(header(directory).version).toBe("1.2.0");
  writeFileSync(join(directory, "src/new.ts"), "");
  expect(header(directory).version).toBe("1.2.0-dirty");
  rmSync(join(directory, "src/new.ts"));
  expect(header(directory).version).toBe("1.2.0");
  writeFileSync(join(directory, "package.json"), '{\n  "version": "1.2.0",\n  "x": 2\n}\n');
  expect(header(directory).version).toBe("1.2.0-dirty");
});

const unknown = { version: "1.2.0", commit: "unknown", date: "unknown" };

test("without a repository, and inside of another one, commit and date are unknown", () => {
  expect(header(sources("archive"))).toEqual(unknown);
  const outer = repository("outer");
  expect(header(sources("outer/inner"))).toEqual(unknown);
  // A hook of git in another repository calls the build.
  expect(header(join(scratch, "archive"), { GIT_DIR: join(outer, ".git") })).toEqual(unknown);
});

test("in a repository that git cannot read, commit and date are unknown", () => {
  const empty = sources("empty");
  git(empty, "init", "--quiet");
  expect(header(empty)).toEqual(unknown);
  const damaged = repository("damaged");
  rmSync(join(damaged, ".git/objects"), { recursive: true });
  expect(header(damaged)).toEqual(unknown);
  // git refuses to read a repository of another user.
  const foreign = repository("foreign");
  expect(header(foreign, { GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" })).toEqual(unknown);
});

test("SOURCE_DATE_EPOCH replaces the date", () => {
  const settings = { SOURCE_DATE_EPOCH: "1600000000" };
  expect(header(repository("epoch"), settings).date).toBe("2020-09-13T12:26:40Z");
  expect(header(sources("epoch-archive"), settings)).toEqual({ ...unknown, date: "2020-09-13T12:26:40Z" });
});
