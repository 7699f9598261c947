import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath, shellScript, start } from "../harness.ts";

/** Holds a lock until its stdin ends. */
const holder =
  "host.lock(linux.openLockFile(input, 0o600), 0); host.print(2, 'held'); linux.readStdin(10); return 'freed';";

describe("lock", () => {
  test("is taken at once if it is free, whatever the deadline", () => {
    expect(
      evaluate("host.lock(linux.openLockFile(input, 0o600), 0); return 'held';", freshPath("lock")),
    ).toBe("held");
  });

  test("waits until another process releases it", async () => {
    const path = freshPath("lock");
    const first = start(holder, path);
    await first.printed("held");
    const second = start(
      "host.print(2, 'waits'); host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 120000); return 'got it';",
      path,
    );
    await second.printed("waits");
    first.process.stdin?.end();
    expect(await second.result()).toEqual({ value: "got it" });
    expect(await first.result()).toEqual({ value: "freed" });
  });

  test("ends at the deadline, not before and not long after", async () => {
    const path = freshPath("lock");
    const first = start(holder, path);
    await first.printed("held");
    const body = `
      const fd = linux.openLockFile(input, 0o600);
      const begin = host.monotonic();
      try { host.lock(fd, begin + 200); } catch (error) { return { code: error.code, call: error.call, after: host.monotonic() - begin }; }`;
    const { code, call, after } = evaluate(body, path) as { code: string; call: string; after: number };
    expect([code, call]).toEqual(["ETIMEDOUT", "flock"]);
    expect(after).toBeGreaterThanOrEqual(200);
    // The limit is high, because a busy machine may be late.
    expect(after).toBeLessThan(20_000);
    const past = "host.lock(linux.openLockFile(input, 0o600), host.monotonic() - 1);";
    expect(failure(past, path)).toMatchObject({ code: "ETIMEDOUT" });
    // It can be repeated, and expired alarms have no effect.
    const again = `
      const fd = linux.openLockFile(input, 0o600);
      let codes = "";
      for (let i = 0; i < 3; i++) try { host.lock(fd, host.monotonic() + 20); } catch (error) { codes += error.code + " "; }
      return codes;`;
    expect(evaluate(again, path)).toBe("ETIMEDOUT ETIMEDOUT ETIMEDOUT ");
    first.process.stdin?.end();
    await first.result();
  });

  test("is given in the order of the requests", async () => {
    const path = freshPath("lock");
    const log = freshPath("log");
    writeFileSync(log, "");
    const first = start(holder, path);
    await first.printed("held");
    const waiting = [];
    for (const name of ["a", "b", "c"]) {
      const body = `
        const fd = linux.openLockFile(input.path, 0o600);
        host.print(2, "waits");
        host.lock(fd, host.monotonic() + 120000);
        host.writeFile("/proc/self/comm", input.name);
        const log = linux.openLockFile(input.log, 0o600);
        linux.writePadded(log, linux.readPadded(log, 100) + input.name, 100);`;
      const one = start(body, { path, log, name });
      waiting.push(one);
      await one.printed("waits");
      await isBlockedInFlock(one.process.pid);
    }
    first.process.stdin?.end();
    for (const one of [first, ...waiting]) await one.result();
    expect(readFileSync(log, "utf8").trimEnd()).toBe("abc");
  });

  test("is kept by a child that inherits its descriptor", async () => {
    const path = freshPath("lock");
    const body = `
      const fd = linux.openLockFile(input.path, 0o600);
      host.lock(fd, 0);
      linux.ChildProcess.start({ path: input.child, environment: ["PATH=/usr/bin:/bin"], stdin: "", inherit: [fd] });`;
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    evaluate(body, { path, child: shellScript(`read -r line <${fifo}`) });
    const attempt = "host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 50);";
    expect(failure(attempt, path)).toMatchObject({ code: "ETIMEDOUT" });
    const next = start(
      "host.print(2, 'waits'); host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 120000);",
      path,
    );
    await next.printed("waits");
    writeFileSync(fifo, "go\n");
    expect(await next.result()).toEqual({});
  });

  test("is released by unlock although a child that inherited its descriptor still runs", () => {
    const path = freshPath("lock");
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    // It ends when this process, which has the FIFO open for writing, closes it or ends.
    const child = shellScript(`read -r line <${fifo}`);
    const writer = openSync(fifo, "r+");
    const body = `
      const fd = linux.openLockFile(input.path, 0o600);
      host.lock(fd, 0);
      linux.ChildProcess.start({ path: input.child, environment: ["PATH=/usr/bin:/bin"], stdin: "", inherit: [fd] });
      const taken = () => {
        const other = linux.openLockFile(input.path, 0o600);
        try { host.lock(other, 0); } catch (error) { return error.code; } finally { host.close(other); }
        return "free";
      };
      const before = taken();
      host.flock(fd, 8);
      return [before, taken()];`;
    expect(evaluate(body, { path, child })).toEqual(["ETIMEDOUT", "free"]);
    evaluate("host.lock(linux.openLockFile(input, 0o600), 0);", path);
    writeSync(writer, "go\n");
    closeSync(writer);
  });

  test("that is not held can be unlocked; a descriptor that is not open cannot", () => {
    expect(evaluate("host.flock(linux.openLockFile(input, 0o600), 8);", freshPath("lock"))).toBeUndefined();
    expect(failure("host.flock(999, 8);")).toMatchObject({ code: "EBADF", call: "flock" });
    expect(failure("host.flock('x', 8);")).toMatchObject({ name: "TypeError" });
  });
});

/** /proc/PID/wchan would need root's view of kernel symbols; the system call's number does not. */
async function isBlockedInFlock(pid: number | undefined): Promise<void> {
  for (;;) {
    const [number] = readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ");
    // flock on x86-64; 32 on arm64.
    if (number === (process.arch === "arm64" ? "32" : "73")) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits to append a line to the file, whose lock another process has. */
async function appendAfter(first: ReturnType<typeof start>, path: string): Promise<void> {
  const next = start(
    `host.print(2, "waits"); linux.appendLocked(input, "2\\n", 0o600, 100, host.monotonic() + 120000);`,
    path,
  );
  await next.printed("waits");
  await isBlockedInFlock(next.process.pid);
  first.process.stdin?.end();
  for (const one of [first, next]) await one.result();
}

describe("appendLocked", () => {
  const append = (text: string, limit = 1 << 20) =>
    `linux.appendLocked(input, ${JSON.stringify(text)}, 0o600, ${limit}, host.monotonic() + 50)`;

  test("makes the file with its mode, and appends to it", () => {
    const path = freshPath("lines");
    expect(evaluate(`return [${append("1 é\n")}, ${append("2\n")}];`, path)).toEqual([null, null]);
    expect(readFileSync(path, "utf8")).toBe("1 é\n2\n");
    expect(statSync(path).mode & 0o7777).toBe(0o600);
  });

  test("leaves a full file as it is, and locked", () => {
    const path = fileWith("12345\n");
    expect(evaluate(`return typeof ${append("789\n", 9)};`, path)).toBe("number");
    const again = `${append("789\n", 9)}; try { ${append("x")}; } catch (error) { return error.code; }`;
    expect(evaluate(again, path)).toBe("ETIMEDOUT");
    expect(readFileSync(path, "utf8")).toBe("12345\n");
    expect(evaluate(`return ${append("789\n", 10)};`, path)).toBe(undefined);
    expect(readFileSync(path, "utf8")).toBe("12345\n789\n");
    // A text that is too long for an empty file is written all the same.
    const empty = fileWith("");
    evaluate(`${append("12345\n", 3)};`, empty);
    expect(readFileSync(empty, "utf8")).toBe("12345\n");
  });

  test("waits for the holder of the lock, until the deadline", async () => {
    const path = freshPath("lines");
    const first = start(holder, path);
    await first.printed("held");
    expect(failure(`${append("1\n")};`, path)).toMatchObject({
      code: "ETIMEDOUT",
      call: "flock",
      subject: path,
    });
    await appendAfter(first, path);
    expect(readFileSync(path, "utf8")).toBe("2\n");
  });

  test("writes to the file that has the name when it gets the lock", async () => {
    const path = freshPath("lines");
    const first = start(
      `host.lock(linux.openLockFile(input, 0o600), 0); host.print(2, "held"); linux.readStdin(10);
       linux.createFile(input + ".new", "sum\\n", 0o600); host.rename(input + ".new", input, 0);`,
      path,
    );
    await first.printed("held");
    await appendAfter(first, path);
    expect(readFileSync(path, "utf8")).toBe("sum\n2\n");
  });

  test("of many processes loses no line, although each replaces a full file with a shorter one", async () => {
    const path = freshPath("lines");
    const body = `
      host.print(2, "ready");
      linux.readStdin(1);
      for (let i = 0; i < 300; i++) {
        const full = linux.appendLocked(input, "1\\n", 0o600, 20, Infinity);
        if (full === undefined) continue;
        const sum = linux.readRegularFile(input).split("\\n").reduce((all, each) => all + Number(each), 1);
        linux.createFile(input + ".new", sum + "\\n", 0o600);
        host.rename(input + ".new", input, 0);
        host.close(full);
      }`;
    const writers = Array.from({ length: 4 }, () => start(body, path));
    for (const each of writers) await each.printed("ready");
    for (const each of writers) each.process.stdin?.end();
    for (const each of writers) expect(await each.result()).toEqual({});
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines.reduce((all, each) => all + Number(each), 0)).toBe(1200);
    expect(statSync(path).size).toBeLessThanOrEqual(20);
  });

  test("writes either the whole line or nothing", () => {
    const path = fileWith("1\n");
    truncateSync(path, 65_500);
    // SIGXFSZ is ignored: of 100 bytes 36 are written.
    const under = ["prlimit", "--fsize=65536"];
    expect(failure(`${append("x".repeat(100))};`, path, { under })).toMatchObject({
      code: "EIO",
      call: "write",
    });
    expect(statSync(path).size).toBe(65_500);
  });

  test("does not follow a link, and accepts only a file", () => {
    const [link, fifo] = [freshPath("link"), freshPath("fifo")];
    symlinkSync(fileWith(""), link);
    execFileSync("mkfifo", [fifo]);
    for (const [path, code] of [
      [link, "ELOOP"],
      [fifo, "EINVAL"],
      ["/dev/null", "EINVAL"],
      ["/tmp", "EISDIR"],
      ["/dev/null/x", "ENOTDIR"],
    ])
      expect(failure(`${append("1\n")};`, path)).toMatchObject({ code, call: "open", subject: path });
  });

  test("leaves no descriptor open", () => {
    const body = `
      const before = linux.readDirectory("/proc/self/fd").length;
      ${append("1\n")};
      try { linux.appendLocked("/dev/null", "x", 0o600, 1, 0); } catch { /* as it should be */ }
      return linux.readDirectory("/proc/self/fd").length - before;`;
    expect(evaluate(body, freshPath("lines"))).toBe(0);
  });
});

describe("openLockFile", () => {
  test("creates the file, or opens an existing file without a change", () => {
    const path = freshPath("lock");
    evaluate("linux.openLockFile(input, 0o600);", path);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    writeFileSync(path, "who");
    expect(evaluate("return linux.readPadded(linux.openLockFile(input, 0o600), 100);", path)).toBe("who");
  });

  test("refuses links, FIFOs, devices and directories", () => {
    const target = freshPath("absent");
    const link = freshPath("link");
    symlinkSync(target, link);
    expect(failure("linux.openLockFile(input, 0o600);", link)).toMatchObject({ code: "ELOOP" });
    expect(existsSync(target)).toBe(false);
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    expect(failure("linux.openLockFile(input, 0o600);", fifo)).toMatchObject({ code: "EINVAL" });
    expect(failure("linux.openLockFile('/dev/null', 0o600);")).toMatchObject({ code: "EINVAL" });
    expect(failure("linux.openLockFile('/tmp', 0o600);")).toMatchObject({ code: "EISDIR" });
  });
});

test("writePadded overwrites the beginning with the given length, readPadded reads it without trailing spaces", () => {
  const path = freshPath("lock");
  const body = `
    const fd = linux.openLockFile(input, 0o600);
    linux.writePadded(fd, "123456", 8);
    linux.writePadded(fd, "é", 4);
    return [linux.readPadded(fd, 4), linux.readPadded(fd, 4096), linux.readPadded(fd, 0)];`;
  expect(evaluate(body, path)).toEqual(["é", "é  56", ""]);
  expect(readFileSync(path, "utf8")).toBe("é  56  ");
  // A text of spaces only is empty, and the exact length fits.
  expect(
    evaluate(
      "const fd = linux.openLockFile(input, 0o600); linux.writePadded(fd, '', 9); return linux.readPadded(fd, 9);",
      path,
    ),
  ).toBe("");
  const tooLong = "linux.writePadded(linux.openLockFile(input, 0o600), 'ééé', 5);";
  expect(failure(tooLong, path)).toMatchObject({ code: "EFBIG", call: "pwrite" });
  expect(readFileSync(path, "utf8")).toBe(" ".repeat(9));
  expect(failure("linux.readPadded(999, 1);")).toMatchObject({ code: "EBADF", call: "pread" });
  expect(failure("linux.readPadded(0, -1);")).toMatchObject({ name: "TypeError" });
});
