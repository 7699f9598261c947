// The agent and its stdout, its children, and commands whose output is not read.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { aRecord } from "../support/records.ts";
import { endAll, endOf, exchange, freePort, pause, request, startAgent, withRecords } from "./agents.ts";
import { executable, freshPath } from "./harness.ts";

const soon = { timeout: 60_000 };
const port = freePort();
const listen = ["--listen", `127.0.0.1:${port}`, "--interval", "0.2"];
const health = () => exchange(port, request("/healthz"));

afterEach(endAll);

/** Returns a pipe, with both ends open and nothing that reads, that has no room. */
function fullPipe(): number {
  const path = freshPath("fifo");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  for (const size of [65_536, 1])
    try {
      for (;;) writeSync(pipe, "x".repeat(size));
    } catch {
      // It has no room for as many bytes.
    }
  const blocking = openSync(path, "r+");
  closeSync(pipe);
  return blocking;
}

describe.each(["a full pipe", "a pipe without a reader"])("an agent whose stdout is %s", (what) => {
  test("answers, and ends by SIGTERM", async () => {
    const absent = ["--install", "--cni-bin-dir", freshPath("absent")];
    const pipe = what === "a full pipe" ? fullPipe() : "pipe";
    const agent = startAgent([...listen, ...absent], { stdio: ["ignore", pipe, "ignore"] });
    agent.stdout?.destroy();
    // It logs this reason, and again after each change.
    await expect.poll(health, soon).toMatch(/503[\s\S]*install: CNI bin directory .* does not exist/);
    mkdirSync(absent[2] ?? "");
    await expect.poll(health, soon).toMatch(/ 200 OK/);
    const began = Date.now();
    expect(await endOf(agent, "SIGTERM")).toBe(0);
    expect(Date.now() - began).toBeLessThan(2000);
    if (typeof pipe === "number") closeSync(pipe);
  });
});

test("its log has the lines of the installer as they come", async () => {
  const directory = freshPath("bin");
  mkdirSync(directory);
  const agent = startAgent([...listen, "--install", "--cni-bin-dir", directory]);
  let output = "";
  agent.stdout?.on("data", (data: Buffer) => (output += data));
  await expect.poll(() => output, soon).toMatch(/^install: copied .* to .*\/ib-sriov$/m);
  await expect.poll(() => output, soon).toMatch(/^install: it runs; checking it until SIGTERM$/m);
});

test.skipIf(process.getuid?.() !== 0)(
  "its log has what gc changed, also if gc succeeded (needs root)",
  async () => {
    const records = freshPath("records");
    mkdirSync(records);
    const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "mynet", type: "ib-sriov" });
    const call = { ...aRecord().call, stdin };
    const record = aRecord({ state: "complete", netns: "/run/netns/absent", call });
    writeFileSync(`${records}/c1-net1`, recordDocument(record, "lo"));
    const agent = startAgent([...listen, "--gc"], { under: withRecords(records) });
    let output = "";
    agent.stdout?.on("data", (data: Buffer) => (output += data));
    await expect.poll(() => output, soon).toMatch(/^gc: released attachment c1\/net1, .*VF 0000:03:00\.2$/m);
    expect(await health()).toMatch(/ 200 OK/);
  },
);

test("its log has the number of lines that were lost", async () => {
  const pipe = fullPipe();
  const reader = openSync(`/proc/self/fd/${pipe}`, constants.O_RDONLY | constants.O_NONBLOCK);
  const directory = freshPath("bin");
  mkdirSync(directory);
  startAgent([...listen, "--install", "--cni-bin-dir", directory], { stdio: ["ignore", pipe, "ignore"] });
  const installed = `${directory}/ib-sriov`;
  await expect.poll(() => existsSync(installed), soon).toBe(true);
  await expect.poll(health, soon).toMatch(/ 200 OK/);
  // The lines about the copy are lost. After room is made, the next line is that about the copy that is restored.
  let output = "";
  const take = () => {
    const buffer = Buffer.alloc(1 << 17);
    try {
      output += buffer.toString("latin1", 0, readSync(reader, buffer));
    } catch {
      // It is empty.
    }
    return output;
  };
  take();
  rmSync(installed);
  await expect
    .poll(take, soon)
    .toMatch(/\(lines that were lost because stdout was not read: 2\)\ninstall: .*restoring it\n/);
  for (const fd of [reader, pipe]) closeSync(fd);
});

test("its reason is the error of a command, and a start of the installer that failed is a failure", async () => {
  const directory = freshPath("bin");
  mkdirSync(directory);
  const inject = "inject=pipe2:error=EMFILE:when=1";
  startAgent(["--listen", `127.0.0.1:${port}`, "--install", "--cni-bin-dir", directory], {
    under: ["strace", "-D", "-qq", "-o", "/dev/null", "-e", inject],
  });
  await expect.poll(health, soon).toMatch(/503[\s\S]*\r\n\r\ninstall: pipe2: .* \(EMFILE\)\n$/);
  expect(await exchange(port, request("/metrics"))).toContain(
    'ib_sriov_agent_task_success{task="install"} 0\n',
  );
});

test("a killed agent leaves no child", async () => {
  const directory = freshPath("bin");
  mkdirSync(directory);
  const agent = startAgent([...listen, "--install", "--cni-bin-dir", directory]);
  await expect.poll(health, soon).toMatch(/ 200 OK/);
  const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8").trim().split(" ");
  expect(children.some((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("install"))).toBe(true);
  await endOf(agent, "SIGKILL");
  // A zombie has no command line: another process can be responsible for it.
  const isRunning = (pid: string) =>
    existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  await expect.poll(() => children.filter(isRunning), soon).toEqual([]);
});

test("a command of the agent whose parent has ended already does not run", async () => {
  const command = spawn(executable, ["--end-with=1073741824", "version"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  command.stdout.on("data", (data: Buffer) => (output += data));
  expect(await signalOf(command)).toBe("SIGTERM");
  expect(output).toBe("");
});

function signalOf(command: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise((done) => command.once("exit", (_, signal) => done(signal)));
}

/** Reports whether a process has a handler of a signal: SigCgt of proc_pid_status(5). */
function handles({ pid }: ChildProcess, signal: number): boolean {
  const [, mask = "0"] = /^SigCgt:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

test.each(["gc", "provision", "bugreport -"])(
  "SIGTERM ends `%s` whose stdout is a full pipe",
  async (words) => {
    const pipe = fullPipe();
    const command = spawn(executable, words.split(" "), { stdio: ["ignore", pipe, "ignore"] });
    closeSync(pipe);
    await expect.poll(() => handles(command, 15), soon).toBe(true);
    await pause(1000);
    const began = Date.now();
    // Without root, gc fails before it prints.
    expect(await endOf(command, "SIGTERM")).toBe(1);
    expect(Date.now() - began).toBeLessThan(5000);
  },
);

test("a reader of stdout that is gone does not change the exit status", async () => {
  // The command starts when the reader is gone. On a node without VFs, it reports an error.
  const statusOf = (isGone: boolean) => {
    const command = spawn("sh", ["-c", 'read -r go; exec "$0" doctor', executable], { stdio: "pipe" });
    if (isGone) command.stdout.destroy();
    else command.stdout.resume();
    command.stdin.end("go\n");
    return new Promise((done) => command.once("exit", done));
  };
  expect(await statusOf(true)).toBe(await statusOf(false));
});
