// The line that is printed if an action takes long.
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { freshPath, shellScript, start } from "../harness.ts";

/** Waits of 300 ms. */
const waits = {
  "a lock": `host.lock(linux.openLockFile(input, 0o600), 0);
    try { host.lock(linux.openLockFile(input, 0o600), host.monotonic() + 300); } catch {}`,
  "a poll": "try { host.poll(-1, -1, host.monotonic() + 300); } catch {}",
  "a child": `linux.ChildProcess.start({ path: ${JSON.stringify(shellScript("exec sleep 0.3"))},
    environment: ["PATH=/usr/bin:/bin"], stdin: "", inherit: [] }).wait(Infinity, 10);`,
} as const;

async function run(body: string): Promise<{ readonly value: unknown; readonly stderr: string }> {
  const script = start(body, freshPath("lock"));
  let stderr = "";
  script.process.stderr?.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const { value } = await script.result();
  return { value, stderr };
}

describe.each(Object.entries(waits))("during %s", (_, wait) => {
  test("the line is printed once after its delay", async () => {
    const body = `host.printAfter(50, "long\\n"); ${wait} return [host.cancelPrint(), host.cancelPrint()];`;
    expect(await run(body)).toEqual({ value: [true, false], stderr: "long\n" });
  });

  test("the line is not printed before its delay, after it was canceled, or in place of a later one", async () => {
    const body = `host.printAfter(60000, "early\\n"); host.printAfter(50, "canceled\\n");
      const before = host.cancelPrint();
      host.printAfter(50, "replaced\\n"); host.printAfter(51, "later\\n");
      ${wait} return [before, host.cancelPrint()];`;
    expect(await run(body)).toEqual({ value: [false, true], stderr: "later\n" });
  });
});

test("the line is not printed while the process does not wait: its signal interrupts no other call", async () => {
  const body = `host.printAfter(20, "computing\\n");
    for (const end = host.monotonic() + 100; host.monotonic() < end; );
    const printed = host.cancelPrint();
    // A late signal prints neither this line nor the next.
    host.printAfter(60000, "next\\n"); ${waits["a poll"]}
    return [printed, host.cancelPrint()];`;
  expect(await run(body)).toEqual({ value: [false, false], stderr: "" });
});

test("the line is printed while a child writes for this process, which waits for the child", async () => {
  const fifo = freshPath("fifo");
  const opened = shellScript(`exec 3<>"$FIFO"; sleep 0.5`);
  const body = `const reader = linux.ChildProcess.start({ path: ${JSON.stringify(opened)},
      environment: ["PATH=/usr/bin:/bin", "FIFO=" + ${JSON.stringify(fifo)}], stdin: "", inherit: [] });
    host.printAfter(50, "long\\n");
    try { host.writeFileApart(${JSON.stringify(fifo)}, "x".repeat(1 << 17)); } catch {}
    reader.wait(Infinity, 10);
    return host.cancelPrint();`;
  execFileSync("mkfifo", [fifo]);
  expect(await run(body)).toEqual({ value: true, stderr: "long\n" });
});
