import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath, start } from "../harness.ts";

/** Appends a text; the file must begin with "#". */
const append = (text: string, limit = 1 << 20) =>
  `linux.appendToLog({ path: input, mark: "#", mode: 0o640, limit: ${limit} }, ${JSON.stringify(text)});`;

describe("appendToLog", () => {
  test("makes the file with its mode, and appends to it", () => {
    const path = freshPath("log");
    evaluate(append("#1 é\n"), path);
    evaluate(append("#2\n"), path);
    expect(readFileSync(path, "utf8")).toBe("#1 é\n#2\n");
    expect(statSync(path).mode & 0o7777).toBe(0o640);
    expect(existsSync(`${path}.1`)).toBe(false);
  });

  test("appends to an empty file, and not to a file of another program", () => {
    const empty = fileWith("");
    evaluate(append("#1\n"), empty);
    expect(readFileSync(empty, "utf8")).toBe("#1\n");
    for (const text of ["root:x:0:0", "\n", " #", "##"]) {
      const path = fileWith(text);
      const body = 'linux.appendToLog({ path: input, mark: "#.", mode: 0o640, limit: 10 }, "#.1\\n");';
      expect(failure(body, path)).toMatchObject({ code: "EEXIST", call: "open", subject: path });
      expect(readFileSync(path, "utf8")).toBe(text);
      expect(existsSync(`${path}.1`)).toBe(false);
    }
  });

  test("does not follow a link or open a device or a directory, and does not wait for a FIFO", () => {
    const [link, fifo, absent] = [freshPath("link"), freshPath("fifo"), freshPath("absent")];
    symlinkSync(absent, link);
    execFileSync("mkfifo", [fifo]);
    for (const [path, code] of [
      [link, "ELOOP"],
      [fifo, "EINVAL"],
      ["/dev/null", "EINVAL"],
      ["/tmp", "EISDIR"],
      [`${absent}/log`, "ENOENT"],
      ["/dev/null/log", "ENOTDIR"],
    ]) {
      expect(failure(append("#1\n"), path)).toMatchObject({ code, subject: path });
    }
    expect(existsSync(absent)).toBe(false);
  });

  test("does not write to a regular file of procfs or sysfs, which is a value of the kernel", () => {
    // The value that the file has already, in the form of a log: written, it would change nothing.
    const values = ["/proc/sys/kernel/pid_max", "/proc/self/comm", "/sys/kernel/profiling"].filter(
      existsSync,
    );
    expect(values.length).toBeGreaterThanOrEqual(2);
    for (const path of values) {
      const text = readFileSync(path, "utf8");
      expect(failure(append(text), path)).toMatchObject({ code: "EINVAL", call: "open", subject: path });
    }
  });

  test("appends on a tmpfs that counts no blocks", () => {
    const directory = freshPath("mount");
    mkdirSync(directory);
    const under = ["unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=0 none ${directory}; exec "$0" "$@"`];
    expect(
      evaluate(`${append("#1\n")} return host.statfs(input).blocks`, `${directory}/log`, { under }),
    ).toBe(0);
  });

  test("does not write to a file of another user", () => {
    for (const text of ["", "#1\n"]) {
      const path = fileWith(text);
      chownSync(path, 65_534, 65_534);
      expect(failure(append("#2\n"), path)).toMatchObject({ code: "EPERM", call: "open", subject: path });
      expect(failure(append("#2\n", 2), path)).toMatchObject({ code: "EPERM", call: "open", subject: path });
      expect(readFileSync(path, "utf8")).toBe(text);
      expect(existsSync(`${path}.1`)).toBe(false);
    }
  });

  test("keeps the file within its limit: the file gets another name, whose previous file is replaced", () => {
    const path = freshPath("log");
    for (let i = 0; i < 25; i++) evaluate(append(`#${String(i).padStart(8)}\n`, 100), path);
    const lines = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n");
    expect(lines(`${path}.1`)).toHaveLength(10);
    expect(lines(path)).toEqual(["#      20", "#      21", "#      22", "#      23", "#      24"]);
    expect(statSync(path).mode & 0o7777).toBe(0o640);
  });

  test("writes a text that is longer than the limit into an empty file", () => {
    const path = freshPath("log");
    const long = `#${"x".repeat(50)}\n`;
    evaluate(append(long, 10), path);
    evaluate(append("#2\n", 10), path);
    expect(readFileSync(`${path}.1`, "utf8")).toBe(long);
    expect(readFileSync(path, "utf8")).toBe("#2\n");
  });

  test("does not let the file grow if it cannot be renamed", () => {
    const path = freshPath("log");
    evaluate(append("#1\n", 4), path);
    mkdirSync(`${path}.1`);
    expect(failure(append("#2\n", 4), path)).toMatchObject({ code: "EISDIR", call: "renameat2" });
    expect(readFileSync(path, "utf8")).toBe("#1\n");
  });

  test("writes either the whole text or nothing", () => {
    const path = freshPath("log");
    evaluate(append("#1\n"), path);
    truncateSync(path, 65_500);
    // SIGXFSZ is ignored: of 100 bytes 36 are written.
    const under = ["prlimit", "--fsize=65536"];
    const body = append(`#${"x".repeat(99)}`);
    expect(failure(body, path, { under })).toMatchObject({ code: "EIO", call: "write", subject: path });
    expect(statSync(path).size).toBe(65_500);
  });

  test("of many processes loses no line: only a full file is renamed", async () => {
    const path = freshPath("log");
    // 1200 lines of 10 bytes fit into two files, if the first one is full when the second one is begun.
    const body = (name: string) => `
      host.print(2, "ready");
      linux.readStdin(1);
      for (let file = 0; file < 20; file++)
        for (let i = 0; i < 300; i++)
          linux.appendToLog({ path: input + file, mark: "#", mode: 0o600, limit: 7000 }, "#${name}" + String(i).padStart(7) + "\\n");`;
    const writers = ["a", "b", "c", "d"].map((name) => start(body(name), path));
    for (const each of writers) await each.printed("ready");
    for (const each of writers) each.process.stdin?.end();
    for (const each of writers) expect(await each.result()).toEqual({});
    for (let file = 0; file < 20; file++) {
      const lines = readFileSync(`${path}${file}.1`, "utf8") + readFileSync(`${path}${file}`, "utf8");
      expect(lines).toMatch(/^(#[a-d][ \d]{6}\d\n){1200}$/);
    }
  });
});
