import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { errnoOf } from "../../node/node.ts";
import type { Command, CommandCall, Option } from "../command.ts";
import { secondsOf } from "../context.ts";
import { DEFAULT_DIRECTORY } from "../install/options.ts";
import { exposition } from "../metrics/exposition.ts";
import { printLine } from "../output/text.ts";
import { agentMetrics } from "./agent-metrics.ts";
import { DeviceEvents } from "./device-events.ts";
import type { HttpRequest } from "./http-request.ts";
import { type HttpResponse, plainText } from "./http-response.ts";
import { HttpServer } from "./http-server.ts";
import { parseListenAddress } from "./listen-address.ts";
import { Rounds } from "./rounds.ts";
import { outputOf, Task } from "./task.ts";

const DEFAULT_ADDRESS = "127.0.0.1:9410";
/** Time from one round to the next, s. */
const DEFAULT_INTERVAL = 60;
/** How long `ib-sriov metrics` may take, ms. Prometheus waits for 10 s by default. */
const METRICS_TIME = 8_000;
/** How long `ib-sriov install --check` may take, ms. It takes 20 ms, but a node can be busy. */
const CHECK_TIME = 5_000;
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
    "GET /metrics returns what `ib-sriov metrics` prints, and metrics of the agent's rounds. GET /healthz returns 200 if the " +
    "last round succeeded, and 503 with the reason if not, or if another plugin has taken the place of the installed one. " +
    "It ends on SIGTERM.",
  options,
  run(call: CommandCall): number {
    const address = parseListenAddress(call.options.get("listen") ?? DEFAULT_ADDRESS);
    const rounds = new Rounds(tasksOf(call), secondsOf(call, DEFAULT_INTERVAL, "interval") * 1000, printLine);
    const installed = call.options.has("install") ? binDirectoryOf(call) : undefined;
    host.deferSignals();
    const server = new HttpServer(address);
    const events = new DeviceEvents();
    try {
      for (;;) {
        waitForWork(server, events, rounds);
        if (events.takeAll()) rounds.devicesChanged();
        rounds.advance();
        server.serve((request) => answer(request, rounds, installed));
      }
    } catch (error) {
      if (errnoOf(error) !== "EINTR") throw error;
      printLine(`${host.pendingSignal() ?? "a signal"} received, ending`);
      rounds.end(END_TIME);
      return 0;
    }
  },
};

function binDirectoryOf({ options }: CommandCall): string {
  return options.get("cni-bin-dir") ?? DEFAULT_DIRECTORY;
}

function tasksOf(call: CommandCall) {
  const { options } = call;
  return {
    installer: options.has("install")
      ? new Task("install", ["install", "--cni-bin-dir", binDirectoryOf(call)])
      : undefined,
    periodic: ["provision", "gc"].filter((name) => options.has(name)).map((name) => new Task(name, [name])),
  };
}

function waitForWork(server: HttpServer, events: DeviceEvents, rounds: Rounds): void {
  const soon = rounds.isBusy() ? host.monotonic() + LOOK_INTERVAL : Number.POSITIVE_INFINITY;
  try {
    host.poll(server.epoll, events.fd, Math.min(soon, rounds.nextStart(), server.nextDeadline()), true);
  } catch (error) {
    if (errnoOf(error) !== "ETIMEDOUT") throw error;
  }
}

/** @param installed the directory of the installed plugin; `undefined` if the agent does not install it. */
function answer({ method, path }: HttpRequest, rounds: Rounds, installed: string | undefined): HttpResponse {
  if (path !== "/metrics" && path !== "/healthz") return plainText(404, "only /metrics and /healthz exist");
  if (method !== "GET") return { ...plainText(405, "only GET is supported"), allow: "GET" };
  return path === "/healthz" ? health(rounds, installed) : metrics(rounds);
}

function health(rounds: Rounds, installed: string | undefined): HttpResponse {
  const problems = rounds.problems();
  // A moment ago another program can have replaced the plugin.
  if (installed !== undefined && problems.length === 0) problems.push(...installProblems(installed));
  return problems.length === 0
    ? plainText(200, `ok, ${rounds.number()} rounds`)
    : plainText(503, problems.join("\n"));
}

function installProblems(directory: string): string[] {
  try {
    outputOf(["install", "--check", "--cni-bin-dir", directory], CHECK_TIME);
    return [];
  } catch (error) {
    if (errnoOf(error) === "EINTR") throw error;
    return [messageOf(error)];
  }
}

function metrics(rounds: Rounds): HttpResponse {
  try {
    const body = outputOf(["metrics"], METRICS_TIME) + exposition(agentMetrics(rounds));
    return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body };
  } catch (error) {
    if (errnoOf(error) === "EINTR") throw error;
    return plainText(503, messageOf(error));
  }
}
