// The agent's HTTP server, with clients that behave well and clients that do not.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readMetrics } from "../support/prometheus.ts";
import { executable, freshPath, isSanitized } from "./harness.ts";

let agent: ChildProcess;
let port: number;
let output: string;
const sockets: Socket[] = [];

/** Starts an agent on a free port, and waits until it answers. */
beforeEach(async () => {
  // From a range of this worker: another one can run this file at the same time, with the other executable.
  port = 10_000 + 2000 * Number(process.env.VITEST_POOL_ID) + Math.floor(Math.random() * 2000);
  output = "";
  agent = spawn(executable, ["agent", "--listen", `127.0.0.1:${port}`, "--interval", "0.2", "--gc"]);
  agent.stdout?.on("data", (data: Buffer) => (output += data));
  agent.stderr?.on("data", (data: Buffer) => (output += data));
  await expect.poll(() => status("/healthz"), { timeout: 60_000 }).toBe(200);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await killed();
});

/** Kills the agent, and waits for its end: until then, its address is in use. */
async function killed(): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const ended = new Promise((done) => agent.once("exit", done));
  agent.kill("SIGKILL");
  await ended;
}

const status = (path: string) =>
  new Promise<number | string>((done) => {
    get({ port, path, agent: false }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    }).on("error", ({ message }) => done(message));
  });

/** Sends bytes on a connection, and returns all that the agent answers. */
function exchange(...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((done) => {
    const socket = opened();
    let answer = "";
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("close", () => done(answer));
    socket.on("error", () => done(answer));
    for (const part of parts) socket.write(part);
  });
}

function opened(): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

const request = (path: string, method = "GET") => `${method} ${path} HTTP/1.1\r\nHost: node\r\n\r\n`;

test("/metrics is what the command prints and the state of the rounds, /healthz is the state of the last round", async () => {
  const [head = "", body = ""] = (await exchange(request("/metrics"))).split("\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; version=0\.0\.4/);
  const metrics = readMetrics(body);
  expect(metrics.has("ib_sriov_build_info")).toBe(true);
  expect(
    metrics.get("ib_sriov_agent_rounds_total")?.samples.get("ib_sriov_agent_rounds_total{}"),
  ).toBeGreaterThan(0);
  expect(Object.fromEntries(metrics.get("ib_sriov_agent_task_success")?.samples ?? [])).toEqual({
    'ib_sriov_agent_task_success{task="gc"}': 1,
  });
  expect(await exchange(request("/healthz"))).toMatch(
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok, \d+ rounds\n$/,
  );
});

test("other paths do not exist, and other methods are not supported", async () => {
  expect(await exchange(request("/metrics/x"))).toMatch(/^HTTP\/1\.1 404 /);
  expect(await exchange(request("/", "POST"))).toMatch(/^HTTP\/1\.1 404 /);
  expect(await exchange(request("/metrics", "POST"))).toMatch(
    /^HTTP\/1\.1 405 [\s\S]*\r\nAllow: GET, HEAD\r\n/,
  );
});

describe("a client", () => {
  test("can send its request byte by byte", async () => {
    const socket = opened();
    const answer = new Promise<string>((done) => socket.on("data", (data) => done(data.toString())));
    for (const byte of request("/healthz")) {
      socket.write(byte);
      await new Promise((done) => setTimeout(done, 2));
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("that sends several requests at once gets the first answer only", async () => {
    const answer = await exchange(request("/healthz").repeat(3));
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(answer).toMatch(/ok, \d+ rounds\n$/);
  });

  test.each([
    ["a head that does not end", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(5000)}`, 431],
    ["a body", `POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789`, 413],
    ["random bytes", Buffer.from([0, 255, 13, 10, 13, 10, 7]), 400],
    ["TLS", Buffer.from("160301020001000d0a0d0a", "hex"), 400],
  ])("that sends %s is refused", async (_, bytes, expected) => {
    expect(await exchange(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${expected} `));
    expect(await status("/healthz")).toBe(200);
  });

  test("that sends nothing is disconnected, and a thousand of them do not stop others", async () => {
    const silent = Array.from({ length: 1000 }, opened);
    const [first] = silent;
    const ended = new Promise((done) => first?.on("close", done));
    await ended;
    for (let i = 0; i < 5; i++) expect(await status("/healthz")).toBe(200);
  });

  test("that ends before the answer does no harm", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = opened();
      socket.write(request("/metrics"));
      socket.resetAndDestroy();
    }
    expect(await status("/healthz")).toBe(200);
  });
});

test("an agent that hangs accepts no connections after some 130, so that a probe of the port fails", async () => {
  const connects = () =>
    new Promise<boolean>((done) => {
      const socket = opened();
      socket.setTimeout(3_000, () => done(false));
      socket.on("connect", () => done(true));
    });
  agent.kill("SIGSTOP");
  for (let i = 0; i < 100; i++) expect(await connects()).toBe(true);
  for (let i = 0; i < 60 && (await connects()); i++);
  expect(await connects()).toBe(false);
  agent.kill("SIGCONT");
  await expect.poll(() => status("/healthz"), { timeout: 60_000 }).toBe(200);
});

test("a round that fails is reported, with its reason", async () => {
  // Without root, gc cannot read the state directory; as root it succeeds, and the installer's directory is missing.
  const absent = freshPath("absent");
  const failure = new RegExp(`install: .*"${absent}"`);
  await killed();
  agent = spawn(executable, [
    "agent",
    "--listen",
    `127.0.0.1:${port}`,
    "--interval",
    "0.2",
    "--install",
    "--cni-bin-dir",
    absent,
  ]);
  agent.stdout?.on("data", (data: Buffer) => (output += data));
  // Before the first round, the plugin itself is missing, which is another reason.
  await expect.poll(() => exchange(request("/healthz")), { timeout: 60_000 }).toMatch(failure);
  expect(await status("/healthz")).toBe(503);
  await expect.poll(() => output).toMatch(failure);
  expect(await exchange(request("/metrics"))).toContain('ib_sriov_agent_task_success{task="install"} 0\n');
});

test.each(["SIGTERM", "SIGINT"] as const)("%s ends it within a second", async (signal) => {
  for (let i = 0; i < 10; i++) opened();
  const began = Date.now();
  const code = await new Promise((done) => {
    agent.once("exit", done);
    agent.kill(signal);
  });
  expect([code, Date.now() - began < 1000]).toEqual([0, true]);
  expect(output).toContain(`${signal} received, ending`);
});

test("10,000 rounds and 1,000 requests take no memory", async ({ skip }) => {
  if (isSanitized) skip("with the sanitizers, the process keeps freed memory on purpose");
  await killed();
  agent = spawn(executable, ["agent", "--listen", `127.0.0.1:${port}`, "--interval", "0.0001", "--gc"], {
    stdio: "ignore",
  });
  const rounds = async () => Number(/ok, (\d+) rounds/.exec(await exchange(request("/healthz")))?.[1] ?? 0);
  const memory = () =>
    Number(/VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1]);
  const reach = (number: number) =>
    expect.poll(rounds, { timeout: 120_000, interval: 100 }).toBeGreaterThan(number);
  await reach(200);
  for (let i = 0; i < 100; i++) await exchange(request("/metrics"));
  const before = memory();
  for (let i = 0; i < 1000; i++) await exchange(request(i % 2 === 0 ? "/healthz" : "/absent"));
  await reach(10_000);
  expect(memory()).toBeLessThanOrEqual(before + 64);
}, 300_000);

test("an address that is in use is reported", async () => {
  const second = spawn(executable, ["agent", "--listen", `127.0.0.1:${port}`]);
  let errors = "";
  second.stderr.on("data", (data: Buffer) => (errors += data));
  expect(await new Promise((done) => second.once("exit", done))).toBe(1);
  expect(errors).toMatch(/EADDRINUSE/);
});
