import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { evaluate, failure, freshPath, shellScript, start } from "../harness.ts";

/** Sends its parent a signal, before or during a wait. */
const killParent = shellScript('kill "-$SIGNAL" "$PPID"');

/** Runs that script to its end, and counts how often a signal ended a wait during that or right after. */
const sendOurselves = `
  function send(signal) {
    const child = linux.ChildProcess.start({ path: ${JSON.stringify(killParent)}, environment: ["SIGNAL=" + signal], stdin: "", inherit: [] });
    let count = 0;
    for (let alive = true; alive; ) {
      try { child.wait(host.monotonic() + 120000, 1000); alive = false; }
      catch (error) { if (error.code !== "EINTR") throw error; count++; }
    }
    try { host.netlinkReceive(linux.netlinkSocket(0), host.monotonic() + 50, 8192); }
    catch (error) { if (error.code === "EINTR") count++; }
    return count;
  }`;

describe("a deferred signal", () => {
  test.each(["TERM", "INT", "HUP"])("SIG%s is stored, and reported once", (signal) => {
    const body = `${sendOurselves}
      host.deferSignals();
      const before = host.pendingSignal();
      const count = send(input);
      const first = host.pendingSignal();
      // A rollback can wait again, also when a second signal comes.
      const again = send("TERM");
      return { before, count, first, again, second: host.pendingSignal() };`;
    expect(evaluate(body, signal)).toEqual({
      count: 1,
      first: `SIG${signal}`,
      again: 0,
      second: `SIG${signal}`,
    });
  });

  test("does not interrupt calls after pendingSignal has returned it", () => {
    const lock = freshPath("lock");
    const body = `${sendOurselves}
      host.deferSignals();
      const other = linux.openLockFile(input, 0o600);
      host.lock(other, 0);
      const child = linux.ChildProcess.start({ path: ${JSON.stringify(killParent)}, environment: ["SIGNAL=TERM"], stdin: "", inherit: [] });
      while (host.pendingSignal() === undefined);
      child.wait(host.monotonic() + 120000, 1000);
      try { host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 50); } catch (error) { return error.code; }`;
    expect(evaluate(body, lock)).toBe("ETIMEDOUT");
  });

  test.each([
    ["reading stdin", "linux.readStdin(10);"],
    ["waiting for netlink", "const fd = linux.netlinkSocket(0); host.netlinkReceive(fd, Infinity, 8192);"],
    ["waiting for a lock", "host.lock(linux.openLockFile(input, 0o600), Infinity);"],
    [
      "waiting for a lock with a deadline",
      "host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 120000);",
    ],
    [
      "waiting for a child",
      `const child = linux.ChildProcess.start({ path: ${JSON.stringify(shellScript("exec sleep 20"))}, environment: ["PATH=/usr/bin:/bin"], stdin: "", inherit: [] });
       try { child.wait(Infinity, 10); } finally { child.kill(); }`,
    ],
  ])("ends %s with EINTR", async (_what, wait) => {
    const lock = freshPath("lock");
    const script = start(
      `host.lock(linux.openLockFile(input, 0o600), 0); host.deferSignals(); host.print(2, "now"); ${wait}`,
      lock,
    );
    await script.printed("now");
    // The script is about to wait, or waiting.
    script.process.kill("SIGTERM");
    expect(await script.result()).toMatchObject({ failure: { code: "EINTR" } });
  });

  test("is not lost if it comes between the check and the wait", () => {
    // Certainly before the wait: it is pending when the wait begins.
    const body = `${sendOurselves}
      host.deferSignals();
      host.lock(linux.openLockFile(input, 0o600), 0);
      const child = linux.ChildProcess.start({ path: ${JSON.stringify(killParent)}, environment: ["SIGNAL=TERM"], stdin: "", inherit: [] });
      // A zombie: it has sent the signal.
      while (!linux.readFile("/proc/self/task/" + host.getpid() + "/children").split(" ").every((pid) => pid === "" || /\\) Z/.test(linux.readFile("/proc/" + pid + "/stat"))));
      host.lock(linux.openLockFile(input, 0o600), Infinity);`;
    expect(failure(body, freshPath("lock"))).toMatchObject({ code: "EINTR" });
  });
});

test("without deferSignals a signal ends the process", async () => {
  const script = start("host.print(2, 'now'); linux.readStdin(10);");
  await script.printed("now");
  script.process.kill("SIGTERM");
  expect(await once(script.process, "exit")).toEqual([null, "SIGTERM"]);
});

test("signals that the caller ignores stay ignored", () => {
  const body = `${sendOurselves} host.deferSignals(); const count = send("HUP"); return [count, host.pendingSignal() ?? null];`;
  expect(evaluate(body, null, { under: ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"] })).toEqual([0, null]);
});
