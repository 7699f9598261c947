import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, hostTest, linux, start } from "../harness.ts";

function scriptPath(code: string): string {
  const path = freshPath("script");
  writeFileSync(path, `${linux} ${code}`);
  return path;
}

test("readStdin reads all of stdin, in pieces or not, as UTF-8", () => {
  expect(evaluate("return linux.readStdin(10);", null, { stdin: "é\0x" })).toBe("é\0x");
  expect(evaluate("return linux.readStdin(10);")).toBe("");
  expect(evaluate("return linux.readStdin(10);", null, { stdin: Uint8Array.of(0x61, 0xc3) })).toBe("a\ufffd");
  const stdin = "0123456789".repeat(100_000);
  expect(evaluate("return linux.readStdin(1000000) === '0123456789'.repeat(100000);", null, { stdin })).toBe(
    true,
  );
});

test("readStdin refuses more than its limit", () => {
  expect(evaluate("return linux.readStdin(3);", null, { stdin: "abc" })).toBe("abc");
  expect(failure("linux.readStdin(3);", null, { stdin: "abcd" })).toMatchObject({
    code: "EFBIG",
    subject: "stdin",
  });
});

test("readStdin waits if stdin is non-blocking and empty", async () => {
  const script = start("probe.setNonBlocking(0); host.print(2, 'waiting'); return linux.readStdin(100);");
  await script.printed("waiting");
  script.process.stdin?.write("part one, ");
  script.process.stdin?.end("part two");
  expect(await script.result()).toEqual({ value: "part one, part two" });
});

test("print writes everything to a slow reader of a non-blocking stdout", async () => {
  const path = scriptPath(
    "probe.setNonBlocking(1); host.print(1, '0123456789'.repeat(300000)); host.print(2, 'done');",
  );
  // A pipe that is not read until the writer has filled it.
  const child = spawn("sh", ["-c", `"$0" "$1" | { read -r go <&3; cat; }`, hostTest, path], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const go = child.stdio[3];
  if (go && "end" in go) go.end("go\n");
  await once(child, "close");
  expect(stdout).toBe("0123456789".repeat(300_000));
});

test("print to a closed pipe is EPIPE, not an end by SIGPIPE", () => {
  const path = scriptPath(`
    linux.readStdin(10);
    try { host.print(1, "x"); } catch (error) { host.print(2, error.message); }`);
  // The reader closes its end, then lets the writer continue. In a pipeline, the shell itself would have that end open,
  // too, for a moment in which the writer could write.
  const script = `{ "$0" "$1" >"$2" <"$3"; echo "status $?" >&2; } &
    exec 4<"$2"; exec 4<&-; : >"$3"; wait $!`;
  const { status, stderr } = spawnSync("bash", ["-c", script, hostTest, path, fifo(), fifo()], {
    encoding: "utf8",
  });
  expect(status).toBe(0);
  expect(stderr).toBe("write stdout: Broken pipe (EPIPE)status 0\n");
});

function fifo(): string {
  const path = freshPath("fifo");
  spawnSync("mkfifo", [path]);
  return path;
}

describe("a pipe that is not read", () => {
  /** Fills a pipe by stdout or stderr of a script, and returns what the script prints to the other. */
  async function withFullPipe(fd: 1 | 2, code: string, signal?: NodeJS.Signals): Promise<string> {
    // Both ends are open, and nothing reads.
    const pipe = openSync(fifo(), "r+");
    const other = 3 - fd;
    const script = scriptPath(`
      function codeOf(action) { try { action(); return "none"; } catch (error) { return error.code; } }
      const text = "0123456789".repeat(10000);
      ${code.replaceAll("report(", `host.print(${other}, `)}`);
    const stdio = fd === 1 ? (["pipe", pipe, "pipe"] as const) : (["pipe", "pipe", pipe] as const);
    const child = spawn(hostTest, [script], { stdio: [...stdio] });
    closeSync(pipe);
    let report = "";
    const stream = fd === 1 ? child.stderr : child.stdout;
    stream?.setEncoding("utf8").on("data", (text: string) => {
      report += text;
      if (signal !== undefined && report === "waits") child.kill(signal);
    });
    await once(child, "close");
    return report;
  }

  test("a print to stdout ends at its deadline", async () => {
    const code = `report(codeOf(() => host.print(1, text, host.monotonic() + 50)));
      report(codeOf(() => host.print(1, "x", host.monotonic())));`;
    expect(await withFullPipe(1, code)).toBe("ETIMEDOUT".repeat(2));
  });

  test("a print to stdout ends by a signal that is held back, and waits a second after it", async () => {
    const code = `host.deferSignals(); report("waits");
      report(codeOf(() => host.print(1, text)) + host.pendingSignal());
      const began = host.monotonic();
      report(codeOf(() => host.print(1, text)) + Math.floor((host.monotonic() - began) / 1000));`;
    expect(await withFullPipe(1, code, "SIGTERM")).toMatch(/^waitsEINTR(?:SIGTERM)ETIMEDOUT[1-9]\d*$/);
  });

  test("a print to stderr waits a second once, and leaves a signal to the next wait", async () => {
    const code = `host.deferSignals(); report("waits");
      const began = host.monotonic();
      report(codeOf(() => host.print(2, text)));
      const first = host.monotonic();
      for (let i = 0; i < 100; i++) codeOf(() => host.print(2, text));
      report("" + (first - began >= 1000 && host.monotonic() - first < first - began));
      report(codeOf(() => host.poll(-1, -1, Infinity)));`;
    expect(await withFullPipe(2, code, "SIGTERM")).toBe("waitsETIMEDOUTtrueEINTR");
  });

  test("the line of printAfter does not wait for it", async () => {
    const code = `codeOf(() => host.print(2, text));
      host.printAfter(1, text);
      report(codeOf(() => host.poll(-1, -1, host.monotonic() + 50)));
      report("" + host.cancelPrint());`;
    expect(await withFullPipe(2, code)).toBe("ETIMEDOUTfalse");
  });
});

test("print writes to stdout and stderr only", () => {
  for (const fd of [0, 3, 999]) {
    expect(failure("host.print(input, 'x');", fd)).toMatchObject({ code: "EBADF", subject: `fd ${fd}` });
  }
  expect(failure("host.print(-1, 'x');")).toMatchObject({ name: "TypeError" });
  expect(failure("host.print(undefined, 'x');")).toMatchObject({ name: "TypeError" });
  expect(failure("host.print(1.5, 'x');")).toMatchObject({ name: "TypeError" });
  const path = scriptPath("host.print(1, 'out \\ud800'); host.print(2, 'err');");
  const { stdout, stderr } = spawnSync(hostTest, [path], { encoding: "utf8" });
  expect([stdout, stderr]).toEqual(["out \ufffd", "err"]);
});

test("printing to a closed stdout fails, and the text never goes into a file that got its number", () => {
  const lock = freshPath("lock");
  const path = scriptPath(`
    const fd = linux.openLockFile(${JSON.stringify(lock)}, 0o600);
    try { host.print(1, "lost"); } catch (error) { host.print(2, error.code + " "); }
    host.print(2, String(fd));`);
  const result = spawnSync("sh", ["-c", `"$0" "$1" <&- >&-; wc -c <"$2"`, hostTest, path, lock], {
    encoding: "utf8",
  });
  expect(result.stderr).toBe("EBADF 3");
  expect(result.stdout.trim()).toBe("0");
});
