// The files that commands write for their caller: `metrics --textfile FILE` and `bugreport FILE`.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readMetrics } from "../support/prometheus.ts";
import { executable, freshPath } from "./harness.ts";

let directory: string;
beforeEach(() => {
  directory = freshPath("outputs");
  mkdirSync(directory);
});

/** No command leaves a temporary file, whether it succeeds or fails. */
afterEach(() => expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]));

const textfile = ["metrics", "--textfile"];
const commands = [textfile, ["bugreport"]];

/** Runs a command without programs that it could call, and with a file for its output. */
function write(command: readonly string[], path: string) {
  const { status, signal, stderr } = spawnSync(executable, [...command, path], {
    cwd: directory,
    env: {},
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, signal, stderr };
}
const written = { status: 0, signal: null, stderr: "" };
const refused = (path: string, why: string) => ({
  status: 1,
  signal: null,
  stderr: `ib-sriov: ${path} ${why}\n`,
});

describe("the textfile", () => {
  test("replaces a regular file in one step", () => {
    const path = join(directory, "metrics.prom");
    writeFileSync(path, "old");
    const { ino } = statSync(path);
    expect(write(textfile, path)).toEqual(written);
    expect(statSync(path).ino).not.toBe(ino);
    expect(readMetrics(readFileSync(path, "utf8")).has("ib_sriov_build_info")).toBe(true);
  });

  test.each([
    ["an absolute link", () => join(directory, "file")],
    ["a relative link", () => "file"],
  ])("replaces the file to which %s leads", (_, target) => {
    const file = join(directory, "file");
    writeFileSync(file, "old");
    const { ino } = statSync(file);
    symlinkSync(target(), join(directory, "link"));
    symlinkSync("link", join(directory, "second"));
    expect(write(textfile, "second")).toEqual(written);
    expect(lstatSync(join(directory, "second")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(directory, "link")).isSymbolicLink()).toBe(true);
    expect(statSync(file).ino).not.toBe(ino);
    expect(readFileSync(file, "utf8")).toContain("ib_sriov_build_info");
  });

  test("creates the file to which a link leads", () => {
    symlinkSync("file", join(directory, "link"));
    expect(write(textfile, join(directory, "link"))).toEqual(written);
    expect(readFileSync(join(directory, "file"), "utf8")).toContain("ib_sriov_build_info");
  });

  test("can be a link to a device, which stays", () => {
    symlinkSync("/dev/null", join(directory, "link"));
    expect(write(textfile, join(directory, "link"))).toEqual(written);
    expect(lstatSync(join(directory, "link")).isSymbolicLink()).toBe(true);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("can be a pipe that the caller has open", () => {
    // As /dev/stdout is.
    symlinkSync("/proc/self/fd/1", join(directory, "link"));
    const under = `"$0" metrics --textfile link | cat`;
    const text = execFileSync("sh", ["-c", under, executable], { cwd: directory, encoding: "utf8" });
    expect(readMetrics(text).has("ib_sriov_build_info")).toBe(true);
    expect(lstatSync(join(directory, "link")).isSymbolicLink()).toBe(true);
  });
});

describe.each(commands)("%s", (...command) => {
  test.runIf(process.getuid?.() === 0)("does not follow another user's link", () => {
    const [file, link] = [join(directory, "file"), join(directory, "link")];
    for (const target of [file, "/dev/null"]) {
      symlinkSync(target, link);
      lchownSync(link, 65_534, 65_534);
      const why = "is a symbolic link of user 65534, which is not followed; name another file";
      expect(write(command, link)).toEqual(refused(link, why));
      execFileSync("rm", [link]);
    }
    expect(existsSync(file)).toBe(false);
  });

  test("writes to a pipe that has a reader, and leaves it a pipe", async () => {
    const path = join(directory, "pipe");
    execFileSync("mkfifo", [path]);
    // A report is longer than what a pipe holds.
    const reader = spawn("sh", ["-c", `exec 3<"$0"; exec wc -c <&3`, path]);
    const counted = once(reader.stdout, "data");
    try {
      expect(await retried(() => write(command, path))).toMatchObject({ status: 0 });
      expect(lstatSync(path).isFIFO()).toBe(true);
      expect(Number(await counted)).toBeGreaterThan(1000);
    } finally {
      reader.kill();
    }
  });

  test("refuses a pipe without a reader, and a socket, without a wait", async () => {
    const why =
      "is a pipe that no process reads, a socket, or a disk without a driver (ENXIO); start the reader, or name a file";
    const [pipe, socket] = [join(directory, "pipe"), join(directory, "socket")];
    execFileSync("mkfifo", [pipe]);
    const server = createServer().listen(socket);
    await once(server, "listening");
    for (const path of [pipe, socket]) expect(write(command, path)).toEqual(refused(path, why));
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    server.close();
  });

  test("refuses a directory", () => {
    expect(write(command, directory)).toEqual(refused(directory, "is a directory; name a file"));
  });

  test("refuses a circle of links, and a directory that does not exist", () => {
    symlinkSync("circle", join(directory, "circle"));
    expect(write(command, "circle").stderr).toMatch(/^ib-sriov: .*circle.*ELOOP/);
    expect(write(command, "nowhere/x").stderr).toMatch(/^ib-sriov: .*nowhere\/x.*ENOENT/);
  });
});

/** Repeats a command until its pipe has a reader. */
async function retried(act: () => ReturnType<typeof write>) {
  for (let i = 0; i < 100; i++) {
    const answer = act();
    if (!answer.stderr.includes("no process reads")) return answer;
    await new Promise((done) => setTimeout(done, 50));
  }
  return act();
}

describe("a report", () => {
  test("does not replace the file to which a link leads", () => {
    writeFileSync(join(directory, "file"), "old");
    symlinkSync("file", join(directory, "link"));
    expect(write(["bugreport"], "link")).toEqual(refused("link", "exists already; name a new file"));
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("old");
  });

  test("can be written to a device, which stays", () => {
    expect(write(["bugreport"], "/dev/null").status).toBe(0);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});
