import * as host from "host";
import { errnoOf } from "../../node/node.ts";
import type { Command, CommandCall, Option } from "../command.ts";
import { secondsOf } from "../context.ts";
import { DEFAULT_DIRECTORY } from "../install/options.ts";
import { exposition } from "../metrics/exposition.ts";
import { AgentLog } from "./agent-log.ts";
import { agentMetrics } from "./agent-metrics.ts";
import { DeviceEvents } from "./device-events.ts";
import type { HttpRequest } from "./http-request.ts";
import { type HttpResponse, plainText } from "./http-response.ts";
import { HttpServer } from "./http-server.ts";
import { InstallCheck } from "./install-check.ts";
import { parseListenAddress } from "./listen-address.ts";
import { Rounds } from "./rounds.ts";
import { ServedMetrics } from "./served-metrics.ts";
import { endTasks, Task, type TaskOptions } from "./task.ts";

const DEFAULT_ADDRESS = "127.0.0.1:9410";
/** Time from one round to the next, s. */
const DEFAULT_INTERVAL = 60;
/** How long `ib-sriov metrics` may take, ms. */
const METRICS_TIME = 60_000;
/** Maximum output of `ib-sriov metrics`, bytes: that of some 20,000 attachments. */
const LONGEST_METRICS = 16 << 20;
/** How long `ib-sriov install --check` may take, ms, until it counts as hanging. No answer waits for so long. */
const CHECK_TIME = 30_000;
/** How often a running command is looked at, ms, besides the moment when it ends. */
const LOOK_INTERVAL = 500;
/** How long the agent waits for its commands after SIGTERM, ms. */
const END_TIME = 700;

const options: readonly Option[] = [
  {
    name: "listen",
    value: "ADDRESS:PORT",
    summary: `address at which it serves /metrics and /healthz (default ${DEFAULT_ADDRESS})`,
  },
  {
    name: "interval",
    value: "SECONDS",
    summary: `time from one round to the next (default ${DEFAULT_INTERVAL})`,
  },
  { name: "provision", summary: "assigns GUIDs to VFs without one, in every round and when VFs appear" },
  { name: "gc", summary: "releases VFs and leases of terminated containers in every round" },
  { name: "install", summary: "installs the plugin, and keeps it installed" },
  {
    name: "cni-bin-dir",
    value: "DIRECTORY",
    summary: `directory of plugins, for --install (default ${DEFAULT_DIRECTORY})`,
  },
];

/** Runs the periodic work of a node, and serves metrics over HTTP, until a signal arrives. */
export const agent: Command = {
  name: "agent",
  summary: "Runs install, provision and gc regularly, and serves metrics and its health over HTTP",
  details:
    "GET /metrics returns the output of `ib-sriov metrics` after the last round, and metrics of the rounds. GET /healthz " +
    "returns 200 if the last round succeeded, and 503 with the reason if not, or if another plugin has taken the place of " +
    "the installed one. stdout is its log: changes of the node, warnings and errors. It ends on SIGTERM.",
  options,
  run(call: CommandCall): number {
    const address = parseListenAddress(call.options.get("listen") ?? DEFAULT_ADDRESS);
    const interval = secondsOf(call, DEFAULT_INTERVAL, "interval") * 1000;
    const log = new AgentLog();
    host.deferSignals();
    const server = new HttpServer(address);
    const work = workOf(call, interval, server, (text) => log.print(text));
    const { rounds, metrics, check } = work;
    const events = new DeviceEvents();
    try {
      for (;;) {
        waitForWork(server, events, work);
        if (events.takeAll()) rounds.devicesChanged();
        rounds.advance();
        metrics.advance(rounds.number());
        check?.advance();
        server.serve((request, accepted) => answer(request, accepted, work));
      }
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
      log.print(`${host.pendingSignal() ?? "a signal"} received, ending`);
      endTasks(work.tasks, END_TIME);
      return 0;
    }
  },
};

/** The parts of the agent's work. */
interface Work {
  /** The tasks of all parts. */
  readonly tasks: readonly Task[];
  readonly rounds: Rounds;
  readonly metrics: ServedMetrics;
  /** `undefined` if the agent does not install the plugin. */
  readonly check: InstallCheck | undefined;
}

function workOf(
  { options }: CommandCall,
  interval: number,
  server: HttpServer,
  log: (text: string) => void,
): Work {
  const directory = options.get("cni-bin-dir") ?? DEFAULT_DIRECTORY;
  const watch = (fd: number) => server.watch(fd);
  const tasks: Task[] = [];
  const newTask = (name: string, words: readonly string[], more?: Pick<TaskOptions, "limit" | "most">) => {
    const task = new Task(name, { words, log, watch, ...more });
    tasks.push(task);
    return task;
  };
  const install = ["install", "--cni-bin-dir", directory];
  const isInstalling = options.has("install");
  const periodic = ["provision", "gc"].filter((name) => options.has(name));
  const ofRounds = {
    installer: isInstalling ? newTask("install", install) : undefined,
    periodic: periodic.map((name) => newTask(name, [name, "--output", "json"])),
  };
  const metrics = newTask("metrics", ["metrics"], { limit: METRICS_TIME, most: LONGEST_METRICS });
  const check = newTask("install", [...install, "--check"], { limit: CHECK_TIME });
  return {
    tasks,
    rounds: new Rounds(ofRounds, interval, log),
    metrics: new ServedMetrics(metrics, interval),
    check: isInstalling ? new InstallCheck(check) : undefined,
  };
}

function waitForWork(server: HttpServer, events: DeviceEvents, { rounds, metrics, check }: Work): void {
  const isBusy = rounds.isBusy() || metrics.isRunning() || check?.isRunning();
  const soon = isBusy ? host.monotonic() + LOOK_INTERVAL : Number.POSITIVE_INFINITY;
  const next = metrics.isRunning() ? soon : metrics.nextStart(rounds.number());
  const deadline = Math.min(soon, rounds.nextStart(), next, server.nextDeadline());
  try {
    host.poll(server.descriptor(), events.fd, deadline, true);
  } catch (error) {
    if (errnoOf(error) !== "ETIMEDOUT") throw error;
  }
}

/** Returns `undefined` if the answer is not known yet. */
function answer({ method, path }: HttpRequest, accepted: number, work: Work): HttpResponse | undefined {
  if (path !== "/metrics" && path !== "/healthz") return plainText(404, "only /metrics and /healthz exist");
  if (method !== "GET" && method !== "HEAD")
    return { ...plainText(405, "only GET and HEAD are supported"), allow: "GET, HEAD" };
  if (path === "/healthz") return health(accepted, work);
  return work.metrics.response(accepted, exposition(agentMetrics(work.rounds)));
}

function health(accepted: number, { rounds, check }: Work): HttpResponse | undefined {
  const problems = rounds.problems();
  if (problems.length === 0 && check !== undefined) {
    const found = check.problems(accepted);
    if (found === undefined) return undefined;
    problems.push(...found);
  }
  return problems.length === 0
    ? plainText(200, `ok, ${rounds.number()} rounds`)
    : plainText(503, problems.join("\n"));
}
