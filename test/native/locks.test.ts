import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, shellScript, start } from "./harness.ts";

/** Holds a lock until its stdin ends. */
const holder =
  "host.lock(host.openLock(input, 0o600), 0); host.print(2, 'held'); host.readStdin(10); return 'freed';";

describe("lock", () => {
  test("is there at once where nobody holds it, whatever the deadline", () => {
    expect(evaluate("host.lock(host.openLock(input, 0o600), 0); return 'held';", freshPath("lock"))).toBe(
      "held",
    );
  });

  test("waits until another process frees it", async () => {
    const path = freshPath("lock");
    const first = start(holder, path);
    await first.said("held");
    const second = start(
      "host.print(2, 'waits'); host.lock(host.openLock(input, 0o600), host.monotonic() + 20000); return 'got it';",
      path,
    );
    await second.said("waits");
    first.process.stdin?.end();
    expect(await second.result()).toEqual({ value: "got it" });
    expect(await first.result()).toEqual({ value: "freed" });
  });

  test("ends at the deadline, not before and not long after", async () => {
    const path = freshPath("lock");
    const first = start(holder, path);
    await first.said("held");
    const body = `
      const fd = host.openLock(input, 0o600);
      const begin = host.monotonic();
      try { host.lock(fd, begin + 200); } catch (error) { return { code: error.code, call: error.call, after: host.monotonic() - begin }; }`;
    const { code, call, after } = evaluate(body, path) as { code: string; call: string; after: number };
    expect([code, call]).toEqual(["ETIMEDOUT", "flock"]);
    expect(after).toBeGreaterThanOrEqual(200);
    expect(after).toBeLessThan(2000);
    const past = "host.lock(host.openLock(input, 0o600), host.monotonic() - 1);";
    expect(failure(past, path)).toMatchObject({ code: "ETIMEDOUT" });
    // It can be tried again, and alarms of the past do not disturb.
    const again = `
      const fd = host.openLock(input, 0o600);
      let codes = "";
      for (let i = 0; i < 3; i++) try { host.lock(fd, host.monotonic() + 20); } catch (error) { codes += error.code + " "; }
      return codes;`;
    expect(evaluate(again, path)).toBe("ETIMEDOUT ETIMEDOUT ETIMEDOUT ");
    first.process.stdin?.end();
    await first.result();
  });

  test("is given in the order of asking", async () => {
    const path = freshPath("lock");
    const log = freshPath("log");
    writeFileSync(log, "");
    const first = start(holder, path);
    await first.said("held");
    const waiting = [];
    for (const name of ["a", "b", "c"]) {
      const body = `
        const fd = host.openLock(input.path, 0o600);
        host.print(2, "waits");
        host.lock(fd, host.monotonic() + 20000);
        host.writeFile("/proc/self/comm", input.name);
        const log = host.openLock(input.log, 0o600);
        host.writeAt0(log, host.readAt0(log, 100) + input.name);`;
      const one = start(body, { path, log, name });
      waiting.push(one);
      await one.said("waits");
      await isBlockedInFlock(one.process.pid);
    }
    first.process.stdin?.end();
    for (const one of [first, ...waiting]) await one.result();
    expect(readFileSync(log, "utf8")).toBe("abc");
  });

  test("outlives us in a child that inherits its descriptor", async () => {
    const path = freshPath("lock");
    const body = `
      const fd = host.openLock(input.path, 0o600);
      host.lock(fd, 0);
      host.spawn({ path: input.child, environment: ["PATH=/usr/bin:/bin"], stdin: "", inherit: [fd] });`;
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    evaluate(body, { path, child: shellScript(`read -r line <${fifo}`) });
    const attempt = "host.lock(host.openLock(input, 0o600), host.monotonic() + 50);";
    expect(failure(attempt, path)).toMatchObject({ code: "ETIMEDOUT" });
    const next = start(
      "host.print(2, 'waits'); host.lock(host.openLock(input, 0o600), host.monotonic() + 20000);",
      path,
    );
    await next.said("waits");
    writeFileSync(fifo, "go\n");
    expect(await next.result()).toEqual({});
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

describe("openLock", () => {
  test("makes the file, and opens one that is there as it is", () => {
    const path = freshPath("lock");
    evaluate("host.openLock(input, 0o600);", path);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    writeFileSync(path, "who");
    expect(evaluate("return host.readAt0(host.openLock(input, 0o600), 100);", path)).toBe("who");
  });

  test("opens no link, no FIFO, no device, no directory", () => {
    const target = freshPath("absent");
    const link = freshPath("link");
    symlinkSync(target, link);
    expect(failure("host.openLock(input, 0o600);", link)).toMatchObject({ code: "ELOOP" });
    expect(existsSync(target)).toBe(false);
    const fifo = freshPath("fifo");
    execFileSync("mkfifo", [fifo]);
    expect(failure("host.openLock(input, 0o600);", fifo)).toMatchObject({ code: "EINVAL" });
    expect(failure("host.openLock('/dev/null', 0o600);")).toMatchObject({ code: "EINVAL" });
    expect(failure("host.openLock('/tmp', 0o600);")).toMatchObject({ code: "EISDIR" });
  });
});

test("writeAt0 writes over the beginning, readAt0 reads from it", () => {
  const path = freshPath("lock");
  const body = `
    const fd = host.openLock(input, 0o600);
    host.writeAt0(fd, "123456");
    host.writeAt0(fd, "é");
    return [host.readAt0(fd, 4), host.readAt0(fd, 4096), host.readAt0(fd, 0)];`;
  expect(evaluate(body, path)).toEqual(["é34", "é3456", ""]);
  expect(failure("host.readAt0(999, 1);")).toMatchObject({ code: "EBADF", call: "pread" });
  expect(failure("host.readAt0(0, -1);")).toMatchObject({ name: "TypeError" });
});
