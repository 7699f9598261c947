// Clients of the agent that could keep it busy: it answers others within a second, and its processor stays idle.
import { type ChildProcess, execFile, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { patience } from "../support/patience.ts";
import { readMetrics } from "../support/prometheus.ts";
import { aRecord } from "../support/records.ts";
import {
  endAll,
  exchange,
  freePort,
  loadOf,
  opened,
  pause,
  request,
  startAgent,
  withRecords,
} from "./agents.ts";
import { freshPath, isSanitized } from "./harness.ts";

const execute = promisify(execFile);
/** The part of a processor that a client can make the agent use: less than a third of what each of them took before. */
const MOST_LOAD = isSanitized ? 0.5 : 0.2;
const isRoot = process.getuid?.() === 0;

/** Waits until an agent has metrics. */
function answering(port: number): Promise<void> {
  const answered = async () => expect(await exchange(port, request("/metrics"))).toContain("200 OK");
  return vi.waitFor(answered, { timeout: patience });
}

describe("an agent", () => {
  let agent: ChildProcess;
  const port = freePort();

  beforeAll(async () => {
    // Few descriptors, of which it uses a dozen itself.
    agent = startAgent(["--listen", `127.0.0.1:${port}`], { under: ["prlimit", "--nofile=24"] });
    await answering(port);
  });
  afterAll(endAll);

  test("sends no body in the answer to HEAD, and otherwise the same answer", async () => {
    for (const path of ["/healthz", "/absent"]) {
      const [head = "", body] = (await exchange(port, request(path))).split("\r\n\r\n");
      expect(body).not.toBe("");
      expect(await exchange(port, request(path, "HEAD"))).toBe(`${head}\r\n\r\n`);
    }
    expect(await exchange(port, request("/metrics", "HEAD"))).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/,
    );
    const refused = await exchange(port, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    expect(refused).toMatch(/^HTTP\/1\.1 413 [\s\S]*\r\n\r\n$/);
  });

  test("sleeps without clients, and while a client sends nothing", async () => {
    // Of proc_pid_status(5).
    const wakeUps = () =>
      Number(/voluntary_ctxt_switches:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1]);
    for (const connect of [() => undefined, () => opened(port).write("GET ")]) {
      connect();
      await pause(500);
      const before = wakeUps();
      await pause(3000);
      expect(wakeUps() - before).toBeLessThan(30);
    }
  });

  test("answers a request that begins with empty lines, byte by byte", async () => {
    const socket = opened(port).setNoDelay();
    const answer = new Promise<string>((done) => socket.on("data", (data) => done(data.toString())));
    for (const byte of `\r\n\n\r\n${request("/healthz")}`) {
      socket.write(byte);
      await pause(2);
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("is idle beside clients that send byte by byte", async () => {
    const sockets = Array.from({ length: 8 }, () => opened(port).setNoDelay());
    const load = await loadOf(agent, async () => {
      for (let i = 0; i < 4000; i++) {
        for (const socket of sockets) socket.write(i % 2 === 0 ? "a" : "\n");
        await new Promise((done) => setImmediate(done));
      }
    });
    for (const socket of sockets) socket.destroy();
    expect(load).toBeLessThan(MOST_LOAD);
  });

  test("is idle if its descriptors are exhausted, and continues when they are not", async () => {
    const sockets = Array.from({ length: 40 }, () => opened(port));
    await pause(500);
    expect(await loadOf(agent, () => pause(2000))).toBeLessThan(MOST_LOAD);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => exchange(port, request("/healthz")), { timeout: 60_000 }).toMatch(/ 200 OK/);
  });
});

test("metrics are made once in an interval, not for each request", async () => {
  const port = freePort();
  const { pid } = startAgent(["--listen", `127.0.0.1:${port}`, "--interval", "3600"]);
  /** The page faults of all commands that the agent has started and waited for, of proc_pid_stat(5). */
  const faults = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[8] ?? "";
  try {
    await answering(port);
    // After the first round, they are made once more.
    let before = faults();
    for (let look = 0, last = ""; look < 5 && last !== before; look++, before = faults()) {
      last = before;
      await pause(2000);
    }
    for (let i = 0; i < 100; i++) expect(await exchange(port, request("/metrics"))).toContain("200 OK");
    await pause(1500);
    expect(faults()).toBe(before);
  } finally {
    await endAll();
  }
});

describe.skipIf(!isRoot)("an agent with 3000 attachments (needs root)", () => {
  let agent: ChildProcess;
  const port = freePort();

  beforeAll(async () => {
    const records = freshPath("records");
    mkdirSync(records);
    const { desired, originals } = aRecord();
    for (let i = 0; i < 3000; i++) {
      const containerId = `${i}`.padStart(200, "c");
      const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "n".repeat(1000), type: "ib-sriov" });
      const call = { ...aRecord().call, stdin };
      const record = aRecord({ state: "complete", containerId, call, desired, originals });
      writeFileSync(`${records}/${containerId}-net1`, recordDocument(record, "lo"));
    }
    agent = startAgent(["--listen", `127.0.0.1:${port}`], { under: withRecords(records) });
    await answering(port);
  }, 180_000);
  afterAll(endAll);

  test("serves more than 1 MiB of metrics", async () => {
    const [, body = ""] = (await exchange(port, request("/metrics"))).split("\r\n\r\n");
    expect(body.length).toBeGreaterThan(3 << 20);
    expect(readMetrics(body).get("ib_sriov_attachment_info")?.samples.size).toBe(3000);
  });

  test("answers /healthz within a second beside 60 scrapes", async () => {
    // In other processes: this process, reading all answers, could not measure a second.
    const scrape = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf '${request("/metrics")}' >&3; head -n 1 <&3; cat <&3 >/dev/null`;
    const scrapes = execute("bash", ["-c", `for i in $(seq 60); do { ${scrape}; } & done; wait`]);
    for (let i = 0; i < 10; i++) {
      const began = Date.now();
      expect(await exchange(port, request("/healthz"))).toMatch(/ 200 OK/);
      expect(Date.now() - began).toBeLessThan(1000);
      await pause(50);
    }
    expect((await scrapes).stdout).toBe("HTTP/1.1 200 OK\r\n".repeat(60));
  });

  test("is idle beside half-closed clients that do not read their answers", async () => {
    const sockets = Array.from({ length: 20 }, () => opened(port).pause());
    for (const socket of sockets) socket.end(request("/metrics"));
    await pause(500);
    expect(await loadOf(agent, () => pause(2000))).toBeLessThan(MOST_LOAD);
  });
});

test("without an address, it serves IPv4 on a kernel that was started without IPv6", async () => {
  const port = freePort();
  const inject = "inject=socket:error=EAFNOSUPPORT:when=1";
  startAgent(["--listen", `:${port}`], {
    under: ["strace", "-D", "-qq", "-o", "/dev/null", "-e", inject],
  });
  await answering(port);
  await endAll();
});

test.skipIf(!isRoot)(
  "without an address, it serves IPv4, too, if net.ipv6.bindv6only is 1 (needs root)",
  async () => {
    const script = 'ip link set lo up; echo 1 >/proc/sys/net/ipv6/bindv6only; exec "$@"';
    const agent = startAgent(["--listen", ":9410"], { under: ["unshare", "-n", "sh", "-c", script, "sh"] });
    const ask = (address: string) =>
      spawnSync(
        "nsenter",
        [
          "-n",
          "-t",
          `${agent.pid}`,
          "bash",
          "-c",
          `exec 3<>/dev/tcp/${address}/9410; printf '${"GET /healthz HTTP/1.0\\r\\n\\r\\n"}' >&3; cat <&3`,
        ],
        { encoding: "utf8" },
      ).stdout;
    await expect.poll(() => ask("::1"), { timeout: 60_000 }).toMatch(/ 200 OK/);
    expect(ask("127.0.0.1")).toMatch(/ 200 OK/);
    await endAll();
  },
);
