/** The installer: the executable as a container's first process runs it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { executable, freshPath, scratch, shellScript } from "./harness.ts";

const own = readFileSync(executable);
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

function freshDirectory(): string {
  const path = freshPath("bin");
  mkdirSync(path);
  return path;
}

function run(args: readonly string[], path = executable) {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", env: {}, timeout: 25_000 });
  return { status, stdout, stderr };
}

/** Puts a file there as a careful installer does. */
function replace(directory: string, content: string | Uint8Array, mode = 0o755): void {
  const temporary = `${directory}/.new`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, `${directory}/ib-sriov`);
}

/** Starts the installer, which stays. */
function stay(directory: string, ...more: string[]) {
  const child = spawn(executable, [`--cni-bin-dir=${directory}`, ...more], {
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = new Promise<unknown[]>((done) => child.once("close", (...how) => done(how)));
  return {
    child,
    output: () => output,
    ended,
    /** Resolves when it has said this, so many times. */
    said: (text: string, times = 1) =>
      new Promise<void>((done, fail) => {
        const look = () => output.split(text).length > times && done();
        child.stdout.on("data", look);
        child.stderr.on("data", look);
        ended.then(() => fail(new Error(`ended without having said ${text}: ${output}`)));
        look();
      }),
  };
}

/** Another plugin of that name, which answers. */
const other = `#!/bin/sh\necho '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'\n`;

describe("with --no-sleep it copies itself and ends", () => {
  test.each([
    ["--cni-bin-dir=DIR", "--no-sleep"],
    ["-no-sleep", "-cni-bin-dir", "DIR"],
    ["install", "--cni-bin-dir", "DIR", "--no-sleep=true"],
  ])("as %s %s", (...words) => {
    const directory = freshDirectory();
    const { status, stderr } = run(words.map((word) => word.replace("DIR", directory)));
    expect([status, stderr]).toEqual([0, ""]);
    expect(readdirSync(directory)).toEqual(["ib-sriov"]);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
    expect(statSync(`${directory}/ib-sriov`).mode & 0o7777).toBe(0o755);
  });

  test("over whatever is there, also a link, which it does not follow", () => {
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

  test("another file where one is named", () => {
    const directory = freshDirectory();
    const file = freshPath("file");
    writeFileSync(file, "anything");
    const args = [`--cni-bin-dir=${directory}`, `--ib-sriov-cni-bin-file=${file}`, "--no-sleep"];
    expect(run(args).status).toBe(0);
    expect(readFileSync(`${directory}/ib-sriov`, "utf8")).toBe("anything");
  });

  test("what is being executed goes on with the file that it has", async () => {
    const directory = freshDirectory();
    const sleeper = `${directory}/ib-sriov`;
    copyFileSync("/bin/sleep", sleeper);
    const child = spawn(sleeper, ["60"]);
    running.push(child);
    await new Promise((done) => child.once("spawn", done));
    expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
    expect(child.exitCode).toBe(null);
    child.kill();
  });
});

test("under the name of the reference's installer it is one, with its defaults", () => {
  const entrypoint = `${scratch}/thin_entrypoint`;
  symlinkSync(resolve(executable), entrypoint);
  const { status, stderr } = run([], entrypoint);
  // The image has that directory; this machine has not.
  expect(existsSync("/host/opt/cni/bin")).toBe(false);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^Error: CNI bin directory "\/host\/opt\/cni\/bin" does not exist: .*ENOENT.*--cni-bin-dir\n$/,
  );
});

describe("it says what is wrong", () => {
  test.each<[string, string[], number, RegExp]>([
    ["a directory that is not there", ["--cni-bin-dir=/absent"], 1, /"\/absent" does not exist: .*ENOENT/],
    ["a directory that is none", ["--cni-bin-dir=/dev/null"], 1, /"\/dev\/null" is not a directory/],
    [
      "an executable that is not there",
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
      "a directory that takes no files",
      ["--cni-bin-dir=/proc/self"],
      1,
      /cannot copy .*: open \/proc.*ENOENT/,
    ],
    ["an unknown flag", ["--sleep"], 2, /^flag provided but not defined: -sleep\nCopies/],
    ["an unknown command", ["instal"], 2, /^unknown command: instal\n/],
  ])("%s", (_what, args, status, message) => {
    const result = run(args);
    expect([result.status, result.stdout]).toEqual([status, ""]);
    expect(result.stderr).toMatch(message);
  });

  test("and nothing is left where the copy cannot take its place", () => {
    const directory = freshDirectory();
    mkdirSync(`${directory}/ib-sriov`);
    const { status, stderr } = run([`--cni-bin-dir=${directory}`, "--no-sleep"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/cannot copy .*: renameat2 .*EISDIR/);
    expect(readdirSync(directory)).toEqual(["ib-sriov"]);
  });
});

test("--help says what there is, and CNI_COMMAND comes before all of it", () => {
  expect(run(["install", "--help"])).toMatchObject({ status: 0, stderr: "" });
  expect(run(["-h"]).stdout).toContain("--cni-bin-dir DIRECTORY");
  const env = { CNI_COMMAND: "VERSION" };
  const { stdout } = spawnSync(executable, ["--no-sleep"], { encoding: "utf8", env });
  expect(stdout).toContain("supportedVersions");
});

test("what a killed installer left goes, what another one is making stays", () => {
  const directory = freshDirectory();
  const [old, young] = [`.ib-sriov.${Date.now() - 700_000}.1`, `.ib-sriov.${Date.now()}.1`];
  for (const name of [old, young, ".ib-sriov.mine", "other"]) writeFileSync(`${directory}/${name}`, "");
  expect(run([`--cni-bin-dir=${directory}`, "--no-sleep"]).status).toBe(0);
  expect(readdirSync(directory).sort()).toEqual([".ib-sriov.mine", young, "ib-sriov", "other"].sort());
});

describe("while it stays", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("it ends at once on %s", async (signal) => {
    const installer = stay(freshDirectory());
    await installer.said("it runs");
    const begin = performance.now();
    installer.child.kill(signal);
    expect(await installer.ended).toEqual([0, null]);
    // Far less than a tick of its own; this machine may be busy.
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(installer.output()).toContain(`${signal} received, ending`);
  });

  test("it ends at once also while it waits for a plugin's answer, and does not leave that behind", async () => {
    const directory = freshDirectory();
    const pid = freshPath("pid");
    const installer = stay(directory);
    await installer.said("it runs");
    replace(directory, `#!/bin/sh\necho $$ >${pid}.new && mv ${pid}.new ${pid}\nexec sleep 1000\n`);
    await expect.poll(() => existsSync(pid), { timeout: 20_000 }).toBe(true);
    installer.child.kill("SIGTERM");
    expect(await installer.ended).toEqual([0, null]);
    expect(existsSync(`/proc/${readFileSync(pid, "utf8").trim()}`)).toBe(false);
  });

  test.each<[string, (directory: string) => void]>([
    ["missing", (directory) => unlinkSync(`${directory}/ib-sriov`)],
    ["empty", (directory) => replace(directory, "")],
    ["cut short", (directory) => replace(directory, own.subarray(0, 100_000))],
    ["not executable", (directory) => chmodSync(`${directory}/ib-sriov`, 0o644)],
    ["failing", (directory) => replace(directory, "#!/bin/sh\necho broken >&2; exit 3\n")],
    ["something else", (directory) => replace(directory, "#!/bin/sh\necho hello\n")],
  ])("it restores a plugin that is %s", async (_what, damage) => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    damage(directory);
    await installer.said("restoring it");
    const restored = () => {
      const mode = statSync(`${directory}/ib-sriov`, { throwIfNoEntry: false })?.mode ?? 0;
      return (mode & 0o7777) === 0o755 && readFileSync(`${directory}/ib-sriov`).equals(own);
    };
    await expect.poll(restored, { timeout: 20_000 }).toBe(true);
    await expect.poll(() => readdirSync(directory), { timeout: 20_000 }).toEqual(["ib-sriov"]);
  });

  test("it restores as often as need be", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    for (const times of [1, 2, 3]) {
      unlinkSync(`${directory}/ib-sriov`);
      await installer.said("restoring it", times);
      await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: 20_000 }).toBe(true);
    }
  });

  test("another plugin that runs is left, and logged once; what follows it is looked after", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    replace(directory, other);
    await installer.said("another plugin that runs; it is left there");
    // It looks again, and has nothing new to say.
    writeFileSync(`${directory}/neighbour`, "");
    unlinkSync(`${directory}/ib-sriov`);
    await installer.said("restoring it");
    await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: 20_000 }).toBe(true);
    expect(installer.output().match(/another plugin/g)).toHaveLength(1);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
  });

  test("two installers of different versions leave each other's plugin alone", async () => {
    const directory = freshDirectory();
    const first = stay(directory);
    await first.said("it runs");
    const second = stay(
      directory,
      `--ib-sriov-cni-bin-file=${shellScript(other.replace("#!/bin/sh\n", ""))}`,
    );
    await second.said("it runs");
    await first.said("another plugin that runs");
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(false);
    expect(first.output() + second.output()).not.toContain("restoring");
  });

  test("a plugin that cannot be judged from here is left: what it needs may be on the node only", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    replace(directory, "#!/interpreter/of/the/node\n");
    await installer.said("not to be judged from here (posix_spawn");
    expect(installer.output()).not.toContain("restoring");
  });

  test("it ends with an error where its own copy does not run: it would be restored for ever", async () => {
    const installer = stay(freshDirectory(), `--ib-sriov-cni-bin-file=${shellScript("exit 1")}`);
    expect(await installer.ended).toEqual([1, null]);
    expect(installer.output()).toMatch(
      /does not run on this node: it ended with status 1: ; is .* architecture\?/,
    );
  });

  test("it ends with an error where the directory is gone: only a new container has another one", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    rmSync(directory, { recursive: true });
    expect(await installer.ended).toEqual([1, null]);
    expect(installer.output()).toMatch(/Error: cannot copy .*ENOENT/);
  });

  test("it stays where nobody reads what it says", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.said("it runs");
    installer.child.stdout?.destroy();
    installer.child.stderr?.destroy();
    unlinkSync(`${directory}/ib-sriov`);
    await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: 20_000 }).toBe(true);
    expect(installer.child.exitCode).toBe(null);
  });
});
