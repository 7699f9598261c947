// `ib-sriov bugreport` on this machine: its file, and programs that hang, flood or fail.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { executable, freshPath } from "./harness.ts";

/** Makes a directory with programs, each a shell script. */
function programs(scripts: Readonly<Record<string, string>>): string {
  const directory = freshPath("programs");
  mkdirSync(directory);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

function report(path: string, options: readonly string[] = [], file = "-") {
  const { status, stdout, stderr } = spawnSync(executable, ["bugreport", file, ...options], {
    env: { PATH: path },
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr: stderr.toString() };
}

/** Returns the text of a file in a tar; `undefined` without the file. */
function fileIn(tar: Buffer, name: string): string | undefined {
  const { status, stdout } = spawnSync("tar", ["-xOf", "-", "--wildcards", `*/${name}`], {
    input: tar,
    maxBuffer: 1 << 28,
  });
  return status === 0 ? stdout.toString() : undefined;
}

/** Requires that a process ends; without a parent that waits for it, it can stay as a zombie. */
async function requireEnded(pid: string): Promise<void> {
  const state = () =>
    spawnSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" }).stdout.split(") ")[1]?.[0];
  await expect.poll(() => [undefined, "Z", "X"].includes(state()), { timeout: 60_000 }).toBe(true);
}

describe("programs", () => {
  test("are called with their arguments, and without a terminal or colors", () => {
    const path = programs({ lspci: 'echo "$@"; echo "$TERM $LC_ALL"; cat; [ -t 1 ] || echo none' });
    const { status, stdout } = report(path);
    expect(status).toBe(0);
    expect(fileIn(stdout, "system/lspci.txt")).toBe("-nn -vvv\ndumb C\nnone\n");
  });

  test("that hang are ended with their children, and their output so far is kept", async () => {
    const mark = freshPath("pid");
    const path = programs({ dmesg: `echo begin; sleep 600 & echo $! >${mark}; wait` });
    const { status, stdout, stderr } = report(path, ["--timeout", "1.5"]);
    expect(status).toBe(0);
    expect(fileIn(stdout, "system/dmesg.txt")).toBe("begin\n");
    expect(fileIn(stdout, "errors.txt")).toMatch(/^system\/dmesg.txt: dmesg was ended after 1.5 s/m);
    expect(stderr).toContain("ib-sriov: running dmesg\n");
    await requireEnded(readFileSync(mark, "utf8").trim());
  });

  test("that print too much are ended, and the beginning is kept", () => {
    const path = programs({ dmesg: "while :; do echo 0123456789012345678901234567890123456789; done" });
    const { status, stdout } = report(path);
    expect(status).toBe(0);
    expect(fileIn(stdout, "system/dmesg.txt")?.length).toBe(4 << 20);
    expect(fileIn(stdout, "errors.txt")).toMatch(
      /^system\/dmesg.txt: dmesg printed more than 4194304 bytes/m,
    );
  });

  test("that fail or are missing are named, and do not fail the report", () => {
    const path = programs({ rdma: "echo no >&2; exit 3", uname: "kill -9 $$" });
    const { status, stdout } = report(path);
    expect(status).toBe(0);
    const errors = fileIn(stdout, "errors.txt");
    expect(errors).toMatch(/^system\/rdma-dev.txt: rdma -d dev exited with status 3$/m);
    expect(errors).toMatch(/^versions\/kernel.txt: uname -a was ended by signal 9$/m);
    expect(errors).toMatch(/^versions\/ofed.txt: ofed_info is not installed$/m);
    expect(fileIn(stdout, "system/rdma-dev.txt")).toBe("--- stderr ---\nno\n");
  });
});

test("a closed stderr, on which progress cannot be printed, does not end the report", () => {
  const path = freshPath("report");
  const hang = "exec sleep 600";
  const PATH = `${programs({ dmesg: hang, lspci: hang })}:/usr/bin:/bin`;
  const call = '"$0" bugreport "$1" --timeout 1.2 2>&1 >/dev/null | true';
  expect(spawnSync("bash", ["-o", "pipefail", "-c", call, executable, path], { env: { PATH } }).status).toBe(
    0,
  );
  expect(fileIn(readFileSync(path), "errors.txt")).toMatch(/lspci -nn -vvv was ended after 1.2 s/);
});

describe("the file", () => {
  test("is for root only, and contains the output of this executable's commands", () => {
    const path = freshPath("report");
    const { status, stdout } = report("", [], path);
    expect({ status, stdout: stdout.toString() }).toEqual({
      status: 0,
      stdout: expect.stringMatching(`^The report is in ${path}\\.`),
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const tar = readFileSync(path);
    expect(fileIn(tar, "versions/ib-sriov.txt")).toMatch(/^ib-sriov .*commit.*\n.*CNI plugin/);
    for (const name of ["doctor", "list", "attachments"]) {
      expect(JSON.parse(fileIn(tar, `${name}.json`) ?? "")).toMatchObject({ schemaVersion: 1 });
      expect(fileIn(tar, `${name}.txt`)).not.toBe("");
    }
    // The commands that the doctor prints must not have the path of the process.
    expect(fileIn(tar, "doctor.txt")).not.toContain("/proc/self/exe");
    expect(fileIn(tar, "metrics.txt")).toContain("ib_sriov_build_info");
  });

  test("has the node's name and the time in its default name", () => {
    const directory = freshPath("directory");
    mkdirSync(directory);
    execFileSync(executable, ["bugreport"], { cwd: directory, env: {} });
    const names = execFileSync("ls", [directory], { encoding: "utf8" });
    expect(names).toMatch(/^ib-sriov-bugreport-[\w.-]+-20\d{6}T\d{6}Z\.tar\n$/);
  });

  test("is never overwritten", () => {
    const path = freshPath("report");
    writeFileSync(path, "other");
    expect(report("", [], path)).toMatchObject({
      status: 1,
      stderr: `ib-sriov: ${path} exists already; name a new file\n`,
    });
    expect(readFileSync(path, "utf8")).toBe("other");
  });

  test("is removed if the command is stopped, and so is the program that it runs", async () => {
    const parent = freshPath("parent");
    mkdirSync(parent);
    const path = join(parent, "report");
    const mark = freshPath("pid");
    const directory = programs({ dmesg: `echo $$ >${mark}; exec sleep 600` });
    const command = spawn(executable, ["bugreport", path, "--timeout", "600"], { env: { PATH: directory } });
    while (!existsSync(mark) || readFileSync(mark, "utf8") === "")
      await new Promise((done) => setTimeout(done, 20));
    // It gets its name only when it is complete.
    expect(readdirSync(parent)).toEqual([`report.${command.pid}.tmp`]);
    command.kill("SIGTERM");
    expect(await once(command, "exit")).toEqual([1, null]);
    expect(readdirSync(parent)).toEqual([]);
    await requireEnded(readFileSync(mark, "utf8").trim());
  });

  test.each([
    ["a time limit", ["--timeout", "0"], /^ib-sriov: --timeout 0 is not a number of seconds/],
    ["an argument", ["more"], /^ib-sriov: unexpected argument: more/],
  ])("is not made if %s is invalid", (_, words, message) => {
    const path = freshPath("report");
    expect(report("", words, path)).toMatchObject({ status: 2, stderr: expect.stringMatching(message) });
    expect(existsSync(path)).toBe(false);
  });
});
