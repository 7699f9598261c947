// The libraries of the executable (scripts/libraries) and the cache that they are built in (vhca/runner/cache.sh).
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { freshPath } from "../harness.ts";

const isRoot = process.getuid?.() === 0;

/** The flags that make passes. */
const flags = /^RELEASE := (.*)$/m.exec(
  spawnSync("make", ["-pn", "help"], { env: { ...process.env, MAKEFLAGS: "" }, encoding: "utf8" }).stdout,
)?.[1];

/** The libraries of the last build, with the name that they have in the cache. */
const key = readFileSync("build/libraries/key", "utf8").trim();

/** A cache that contains the libraries. */
const filled = freshPath("filled");
beforeAll(() => {
  mkdirSync(filled);
  cpSync("build/libraries", join(filled, key), { recursive: true });
});

interface Surroundings {
  readonly cache: string;
  /** Programs, by name, which replace those of this machine: scripts for sh. */
  readonly programs?: Readonly<Record<string, string>>;
  /** A command that starts the script. */
  readonly under?: readonly string[];
}

/** Calls scripts/libraries as make does. */
function libraries(directory: string, { cache, programs = {}, under = [] }: Surroundings) {
  const bin = freshPath("programs");
  mkdirSync(bin);
  for (const [name, code] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${code}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const [command = "", ...rest] = [...under, "scripts/libraries", directory];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    env: {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      VHCA_CACHE: cache,
      CC: "gcc",
      AR: "ar",
      CFLAGS: flags,
    },
    encoding: "utf8",
  });
  return { status, stdout, errors: stderr.split("\n").filter((line) => line !== "") };
}

/** The output of apt-cache, which is slow, for the program that takes its place. */
const offered = spawnSync("apt-cache", ["madison", "musl", "quickjs", "libquickjs"], {
  encoding: "utf8",
}).stdout;
/** Programs that take the place of those that use the network, on a machine without a network. */
const offline = {
  "apt-cache": `cat <<'END'\n${offered}END`,
  "apt-get": "echo 'no network' >&2; exit 100",
};
const nothing = { status: 0, stdout: "", errors: [] };

/** The directory of a build, with a copy of the libraries. */
const directory = freshPath("libraries");
beforeAll(() => cpSync("build/libraries", directory, { recursive: true }));

test("complete libraries of the versions that apt offers need no cache and no network", () => {
  expect(libraries(directory, { cache: freshPath("empty"), programs: offline })).toEqual(nothing);
});

test.each([
  ["libc/lib/libc.a", (path: string) => rmSync(path)],
  ["lib/libquickjs.a", (path: string) => writeFileSync(path, "")],
])(
  "a copy in which a killed build left %s out is made again from the cache, without a network",
  (file, damage) => {
    damage(join(directory, file));
    const copied = { ...nothing, stdout: `  copy    ${directory}\n` };
    expect(libraries(directory, { cache: filled, programs: offline })).toEqual(copied);
    expect(readFileSync(join(directory, file)).equals(readFileSync(`build/libraries/${file}`))).toBe(true);
  },
);

test("another installed version of the engine makes no difference", () => {
  const programs = { ...offline, dpkg: "exit 1", "dpkg-query": "echo 2099.01.01-1" };
  expect(libraries(directory, { cache: freshPath("empty"), programs })).toEqual(nothing);
});

test.each(["musl", "quickjs"])("another version of %s that apt offers is fetched and built", (name) => {
  const programs = { ...offline, "apt-cache": `echo ' ${name} | 9:9-9 | http://example.org Packages'` };
  const { status, errors } = libraries(directory, { cache: filled, programs });
  expect(status).toBe(1);
  expect(errors).toEqual([
    "[libraries] fetching package lists",
    "no network",
    "[libraries] apt-get update failed, see above",
  ]);
  // The old libraries are still there.
  expect(libraries(directory, { cache: filled, programs: offline })).toEqual(nothing);
});

test("a version of the engine that is too old is refused with one line", () => {
  const old = "printf 'Package: x\\nSource: quickjs (2024.01.13-4)\\nVersion: 2024.01.13-4+b1\\n'";
  const programs = { "apt-get": "exit 0", "apt-cache": old };
  const { status, errors } = libraries(freshPath("libraries"), { cache: freshPath("cache"), programs });
  expect(status).toBe(1);
  expect(errors.at(-1)).toMatch(
    /^\[libraries\] build the engine: apt offers quickjs 2024\.01\.13-4, but 2025\.04\.26 or newer is needed/,
  );
});

describe("a read-only cache", () => {
  /** Starts a command for which a directory is read-only. */
  function readOnly(cache: string): string[] {
    mkdirSync(cache, { recursive: true });
    if (!isRoot) chmodSync(cache, 0o555);
    const remount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    return isRoot ? ["unshare", "--mount", "sh", "-c", remount, cache] : [];
  }

  test("gives what it contains", () => {
    const directory = freshPath("libraries");
    expect(libraries(directory, { cache: filled, under: readOnly(filled), programs: offline }).status).toBe(
      0,
    );
    expect(existsSync(join(directory, "libc/lib/libc.a"))).toBe(true);
  });

  test("that lacks something is refused with one line", () => {
    const cache = freshPath("read-only");
    expect(libraries(freshPath("libraries"), { cache, under: readOnly(cache), programs: offline })).toEqual({
      status: 1,
      stdout: "",
      errors: [
        expect.stringMatching(
          /^\[libraries\] prepare libraries-\w+: the cache directory .* is read-only; set VHCA_CACHE/,
        ),
      ],
    });
  });
});

/** Prints the directory of the cache in these surroundings. */
function cacheIn(env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["--norc", "-euo", "pipefail", "-c", '. scripts/cache.sh; echo "$cache"'],
    { env: { PATH: process.env.PATH, SHLVL: "1", ...env }, encoding: "utf8" },
  );
  return [status, stdout, stderr];
}

test("without the variable for it, the cache is in the home directory of the user", () => {
  const home = isRoot ? "/root" : homedir();
  expect(cacheIn({})).toEqual([0, `${home}/.cache/ib-sriov\n`, ""]);
  expect(cacheIn({ HOME: "" })).toEqual([0, `${home}/.cache/ib-sriov\n`, ""]);
});

test("a cache directory that cannot be used is refused with one line", () => {
  expect(cacheIn({ VHCA_CACHE: `${filled}/a b` })).toEqual([
    1,
    "",
    expect.stringMatching(/^\[bash\] use the cache directory .*a\\ b: its path has a space .*\n$/),
  ]);
  expect(cacheIn({ VHCA_CACHE: "/dev/null/cache" })).toEqual([
    1,
    "",
    expect.stringMatching(
      /^\[bash\] create the cache directory \/dev\/null\/cache: not possible for user .*\n$/,
    ),
  ]);
});

test("a patch for other sources is refused with the hunk that does not match", () => {
  const sources = freshPath("sources");
  const patches = freshPath("patches");
  mkdirSync(sources);
  mkdirSync(patches);
  writeFileSync(join(patches, "series"), "# Two patches.\none.patch # The first.\n\ntwo.patch\n");
  const change = (file: string) =>
    `--- a/${file}\n+++ b/${file}\n@@ -1,2 +1,2 @@\n same\n-count++;\n+REFERENCE(count);\n`;
  writeFileSync(join(patches, "one.patch"), `Description: one\n${change("one.c")}`);
  writeFileSync(join(patches, "two.patch"), `Description: two\n${change("two.c")}`);
  writeFileSync(join(sources, "one.c"), "same\ncount++;\n");
  writeFileSync(join(sources, "two.c"), "same\ncount += 1;\n");
  const { status, stderr } = spawnSync("scripts/apply-patches", [sources, patches, "engine 2.0"], {
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(readFileSync(join(sources, "one.c"), "utf8")).toBe("same\nREFERENCE(count);\n");
  expect(stderr).toContain("-count++;\n+REFERENCE(count);\n");
  expect(stderr.trimEnd().split("\n").at(-1)).toBe(
    `apply ${patches}/two.patch to engine 2.0: the hunks above do not match; adapt the patch to this version`,
  );
});

test("a distribution whose engine is too old is refused by name, before packages are installed", () => {
  const release = freshPath("os-release");
  writeFileSync(release, 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n');
  const namespaces = isRoot ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
  const script = 'mount --bind "$0" "$(realpath /etc/os-release)" && exec "$1"';
  const { status, stderr } = spawnSync(
    "unshare",
    [...namespaces, "sh", "-c", script, release, resolve("scripts/setup")],
    { encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^\[setup\] build on Ubuntu 24\.04\.3 LTS: its QuickJS is older than 2025\.04\.26; .*\n$/,
    ),
  ]);
});
