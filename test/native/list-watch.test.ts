// How `list --watch` waits and ends. test/e2e/commands.test.ts tests what it prints of an HCA.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { executable } from "./harness.ts";

/** Starts it, and returns it when it has printed its first line. */
async function watching(): Promise<ChildProcess> {
  const child = spawn(executable, ["list", "--watch"], { stdio: ["ignore", "pipe", "inherit"], env: {} });
  const [text] = await once(child.stdout, "data");
  expect(String(text)).toMatch(/no InfiniBand PF/);
  return child;
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends it with exit status 0", async (signal) => {
  const child = await watching();
  child.kill(signal);
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("it ends when the program that reads its output has ended, although nothing changes", () => {
  // In Node.js, what it calls a pipe is a socket.
  const script = `"$0" list --watch | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const { stdout } = spawnSync("bash", ["-c", script, executable], { encoding: "utf8", timeout: 60_000 });
  expect(stdout).toMatch(/no InfiniBand PF.*\n0\n$/);
});

test.each([
  ["a file", "/tmp/ib-sriov-watch.$$"],
  ["/dev/null", "/dev/null"],
])("with its output in %s it waits, without using the processor", (_, path) => {
  const script = `TIMEFORMAT="%U %S"; time timeout --signal=TERM --preserve-status 3 "$0" list --watch >${path}
    echo "$?"; rm -f /tmp/ib-sriov-watch.$$`;
  const begin = performance.now();
  const { stdout, stderr } = spawnSync("bash", ["-c", script, executable], {
    encoding: "utf8",
    env: process.env,
  });
  expect(stdout).toBe("0\n");
  expect(performance.now() - begin).toBeGreaterThan(2900);
  const [user = 0, system = 0] = stderr.split(" ").map(Number);
  expect(user + system).toBeLessThan(1);
});
