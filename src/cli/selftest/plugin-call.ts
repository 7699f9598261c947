import { monotonic } from "host";
import { fromJson, isObject, type JsonObject } from "../../cni/document.ts";
import { ChildProcess, OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { readFile } from "../../linux/files/read.ts";
import { errnoOf } from "../../node/node.ts";
import type { ChildOutcome } from "../../node/processes.ts";

/** The log of the plugin's calls, and the lock of the selftest: only one runs at a time. */
export const LOG_FILE = "/run/ib-sriov-selftest.log";
/** Maximum output of a call, bytes. */
const OUTPUT_LIMIT = 1 << 20;
/** How much longer a call may take than its own time limit, ms: a driver that binds cannot be interrupted. */
const GRACE = 60_000;

/** A verb of CNI that the selftest calls. */
export type Verb = "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";

/** The parameters of a call, as a runtime passes them. */
export interface CallParameters {
  readonly verb: Verb;
  readonly network: JsonObject;
  /** `undefined` for STATUS and GC. */
  readonly container?: { readonly id: string; readonly netns: string };
}

/** Name of the interface in a container. */
export const IFNAME = "net1";

/** A part of a call, from its log entry. */
export interface LoggedStep {
  readonly step: string;
  readonly action: string;
  readonly ms: number;
  readonly failed: boolean;
}

/** The answer to a call. */
export interface PluginAnswer {
  /** The result of ADD; `undefined` without one. */
  readonly result: JsonObject | undefined;
  /** The message of the error; `undefined` if the call succeeded. */
  readonly error: string | undefined;
  /** Duration from start to end of the process, ms. */
  readonly ms: number;
  readonly warnings: readonly string[];
  readonly steps: readonly LoggedStep[];
}

/** A running call of this executable. */
export class PluginCall {
  private constructor(
    private readonly parameters: CallParameters,
    private readonly child: ChildProcess,
    private readonly begin: number,
  ) {}

  /** Starts a call: environment and stdin are those of a runtime. */
  static start(parameters: CallParameters): PluginCall {
    const { verb, network, container } = parameters;
    const environment = [`CNI_COMMAND=${verb}`, "CNI_PATH=/opt/cni/bin", "CNI_ARGS=IgnoreUnknown=1"];
    if (container !== undefined)
      environment.push(
        `CNI_CONTAINERID=${container.id}`,
        `CNI_NETNS=${container.netns}`,
        `CNI_IFNAME=${IFNAME}`,
      );
    const begin = monotonic();
    const child = ChildProcess.start({
      path: OWN_EXECUTABLE,
      words: ["ib-sriov"],
      environment,
      stdin: JSON.stringify(network),
      inherit: [],
    });
    return new PluginCall(parameters, child, begin);
  }

  /** Waits for the answer. A signal does not end the wait: an ADD that has begun is waited for, and undone. */
  wait(): PluginAnswer {
    const { network } = this.parameters;
    const deadline = this.begin + Number(network.timeoutSeconds) * 1000 + GRACE;
    const outcome = this.outcome(deadline);
    const ms = monotonic() - this.begin;
    if (outcome === undefined) {
      this.child.kill();
      return {
        result: undefined,
        error: `the call did not end within ${ms / 1000} s`,
        ms,
        ...this.logged(),
      };
    }
    const document = fromJson(outcome.stdout);
    const answer = isObject(document) ? document : undefined;
    const isGood = outcome.status === 0;
    return {
      result: isGood ? answer : undefined,
      error: isGood ? undefined : errorIn(outcome, answer),
      ms,
      ...this.logged(),
    };
  }

  /**
   * Kills the call with SIGKILL, unless it ends before.
   * @param time since the start, ms.
   */
  killAfter(time: number): void {
    if (this.outcome(this.begin + time) === undefined) this.child.kill();
  }

  /** Returns the outcome of the process; `undefined` if it still runs at the deadline. */
  private outcome(deadline: number): ChildOutcome | undefined {
    for (;;) {
      try {
        return this.child.wait(deadline, OUTPUT_LIMIT);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ETIMEDOUT") return undefined;
        if (errno !== "EINTR") throw error;
      }
    }
  }

  /** Returns warnings and steps from the log entry; none if the call was killed. */
  private logged(): Pick<PluginAnswer, "warnings" | "steps"> {
    const { verb, container } = this.parameters;
    const entry = (readFile(LOG_FILE, undefined, ["ENOENT"]) ?? "")
      .split("\n")
      .map(fromJson)
      .findLast((each) => isObject(each) && each.command === verb && each.containerID === container?.id);
    const { warnings, steps } = isObject(entry) ? entry : {};
    return {
      warnings: Array.isArray(warnings) ? warnings.map(String) : [],
      steps: Array.isArray(steps) ? steps.filter(isObject).map(stepOf) : [],
    };
  }
}

function stepOf({ step, action, ms, failed }: JsonObject): LoggedStep {
  return { step: String(step), action: String(action), ms: Number(ms), failed: failed !== undefined };
}

function errorIn({ status, signal, stderr }: ChildOutcome, answer: JsonObject | undefined): string {
  if (typeof answer?.msg === "string") return answer.msg;
  const end = signal === 0 ? `exit status ${status}` : `signal ${signal}`;
  return `${end} without an error object: ${stderr.trim()}`;
}
