/** Agents of the executable under test, and clients of their HTTP server. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { executable } from "./harness.ts";

const agents: ChildProcess[] = [];
const sockets: Socket[] = [];

/** Returns a free port, from a range of this worker: another one can run the same file with the other executable. */
export function freePort(): number {
  return 10_000 + 2000 * Number(process.env.VITEST_POOL_ID) + Math.floor(Math.random() * 2000);
}

/** Ends all agents and connections, and waits for the end of the agents: until then, their addresses are in use. */
export async function endAll(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(agents.splice(0).map((agent) => endOf(agent, "SIGKILL")));
}

/** Sends a signal to a process, and waits for its end. Returns its exit status; `null` if the signal killed it. */
export function endOf(agent: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (agent.exitCode !== null || agent.signalCode !== null) return Promise.resolve(agent.exitCode);
  const ended = new Promise<number | null>((done) => agent.once("exit", done));
  agent.kill(signal);
  return ended;
}

/** Starts an agent. @param under a command that starts it, as its own process: ["prlimit", "--nofile=100"]. */
export function startAgent(
  options: readonly string[],
  { under = [], stdio = "pipe" }: { readonly under?: readonly string[]; readonly stdio?: StdioOptions } = {},
): ChildProcess {
  const [command = "", ...words] = [...under, executable, "agent", ...options];
  // Its leak detector cannot run under strace.
  const env = { ...process.env, ASAN_OPTIONS: "detect_leaks=0" };
  const agent = spawn(command, words, { stdio, env });
  agents.push(agent);
  return agent;
}

/** Returns a command for `under`, as root: the agent has a separate state directory, with the records of a directory. */
export function withRecords(directory: string): readonly string[] {
  const state = "/var/lib/cni/ib-sriov";
  const script = `mkdir -p /var/lib/cni; mount -t tmpfs none /var/lib/cni; mkdir -m 700 ${state}
    cp ${directory}/* ${state}; exec "$@"`;
  return ["unshare", "-m", "sh", "-c", script, "sh"];
}

/** Connects to an agent. */
export function opened(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

/** Sends bytes on a connection, and returns all that the agent answers. */
export function exchange(port: number, ...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((done) => {
    const socket = opened(port);
    let answer = "";
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("close", () => done(answer));
    for (const part of parts) socket.write(part);
  });
}

/** Returns a request. */
export function request(path: string, method = "GET"): string {
  return `${method} ${path} HTTP/1.1\r\nHost: node\r\n\r\n`;
}

/** Returns the part of a processor that a process takes while an action runs. */
export async function loadOf({ pid }: ChildProcess, action: () => Promise<unknown>): Promise<number> {
  // utime and stime, in ticks of 10 ms, of proc_pid_stat(5).
  const used = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return 10 * (Number(fields[11]) + Number(fields[12]));
  };
  const [before, began] = [used(), Date.now()];
  await action();
  return (used() - before) / (Date.now() - began);
}

/** Waits, ms. */
export function pause(time: number): Promise<void> {
  return new Promise((done) => setTimeout(done, time));
}
