import { type AttachmentRecord, isNamed } from "../attachment/record/record.ts";
import { argument, parseArgs } from "../cni/args.ts";
import { type ErrorObject, errorObject } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Clock } from "../node/clock.ts";
import type { Level } from "./log-config.ts";
import type { StepTrace, Trace } from "./trace.ts";
import { parseTraceparent } from "./trace-context.ts";

/** The outcome of a call. */
export interface CallOutcome {
  /** CNI_COMMAND. */
  readonly command: string;
  readonly level: Level;
  /** Duration of the call, ms, in whole microseconds. */
  readonly ms: number;
  /** The steps of the call, the result of {@link stepsJson}: both the counters and the entry contain them. */
  readonly steps: string;
  readonly error: Pick<ErrorObject, "code" | "msg" | "details"> | undefined;
}

/** The log entry of one call. An unknown text is "". */
export interface Entry extends CallOutcome {
  /** End of the call, ms since 1970. */
  readonly time: number;
  /** A summary in one line. */
  readonly msg: string;
  /** CNI_CONTAINERID and so on, unchanged, under the names that sriov-cni uses in its log. */
  readonly containerID: string;
  readonly ifname: string;
  readonly netns: string;
  /** K8S_POD_NAMESPACE and K8S_POD_NAME of CNI_ARGS. */
  readonly podNamespace: string;
  readonly podName: string;
  /** The network's name. */
  readonly network: string;
  /** PCI address of the VF. */
  readonly vf: string;
  /** The desired GUID. */
  readonly guid: string;
  /** The span of the runtime, from TRACEPARENT, under the names that OpenTelemetry uses in logs. */
  readonly trace_id: string;
  readonly span_id: string;
  readonly warnings: readonly string[];
  /** Other attachments that the call undid, by GC, or by ADD of their VF, e.g. "c1 net1 0000:03:00.2". */
  readonly others: readonly string[];
}

/** A call that has ended. */
export interface FinishedCall {
  /** Returns a variable of the call's environment. */
  readonly getenv: (name: string) => string | undefined;
  /** `undefined` if the configuration could not be parsed. */
  readonly network: { readonly name: string; readonly deviceID: unknown } | undefined;
  readonly trace: Trace;
  /** The thrown error; `undefined` if the call succeeded. */
  readonly error: unknown;
}

/** Longest text of an entry, characters: variables, messages of IPAM plugins and stacks can have any length. */
const longest = 1000;

/** Returns the outcome of a call that ends now. */
export function outcomeOf(clock: Pick<Clock, "now">, { getenv, trace, error }: FinishedCall): CallOutcome {
  const command = cut(getenv("CNI_COMMAND"));
  const ms = inMicroseconds(clock.now() - trace.begin);
  const steps = stepsJson(trace.steps);
  if (error === undefined) return { command, level: levelOfSuccess(command, trace), ms, steps, error };
  const { code, msg, details } = errorObject(error);
  const isOurFault = code === codes.internal && !(error instanceof CniError);
  const level = isOurFault ? "panic" : "error";
  return { command, level, ms, steps, error: { code, msg: cut(msg), details: cut(details) } };
}

function levelOfSuccess(command: string, trace: Trace): Level {
  // Runtimes call STATUS every few seconds: only its failures matter.
  if (command === "STATUS") return "debug";
  return trace.warnings.length > 0 ? "warning" : "info";
}

/** Returns the log entry of a call with this outcome. */
export function entryOf(
  clock: Pick<Clock, "wall">,
  { getenv, network, trace }: FinishedCall,
  ending: CallOutcome,
): Entry {
  const args = parseArgs(getenv("CNI_ARGS") ?? "");
  const name = { containerId: getenv("CNI_CONTAINERID") ?? "", ifname: getenv("CNI_IFNAME") ?? "" };
  let own: AttachmentRecord | undefined;
  const others: string[] = [];
  for (const record of trace.records) {
    if (isNamed(name, record)) own = record;
    else others.push(`${record.containerId} ${record.ifname} ${record.vf.pci}`);
  }
  const { command, level, ms, steps, error } = ending;
  const containerID = cut(name.containerId);
  const ifname = cut(name.ifname);
  const podNamespace = cut(argument(args, "K8S_POD_NAMESPACE"));
  const podName = cut(argument(args, "K8S_POD_NAME"));
  const networkName = cut(network?.name);
  const vf = own?.vf.pci ?? cut(network?.deviceID);
  const whose = podName === "" ? containerID : `${podNamespace}/${podName}`;
  const { traceId, spanId } = parseTraceparent(getenv("TRACEPARENT"));
  const end = error === undefined ? "done" : `failed with code ${error.code}: ${error.msg}`;
  const call = `${command}${word(whose)}${word(ifname)}${word(networkName)}${word(vf)}`;
  return {
    time: Math.floor(clock.wall()),
    level,
    msg: `${call}: ${end} (${Math.round(ms)} ms)`.replaceAll("\n", " "),
    command,
    containerID,
    ifname,
    netns: cut(getenv("CNI_NETNS")),
    podNamespace,
    podName,
    network: networkName,
    vf,
    guid: own?.desired.guid ?? "",
    trace_id: traceId,
    span_id: spanId,
    ms,
    steps,
    warnings: trace.warnings.map(cut),
    others,
    error,
  };
}

/** Returns a text with a space before it; "" for "". */
function word(text: string): string {
  return text === "" ? "" : ` ${text}`;
}

/** Returns a text, cut to the longest length; "" for other values. */
function cut(text: unknown): string {
  if (typeof text !== "string") return "";
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** Returns steps as a JSON list, with durations in whole microseconds; "" if the list is empty. */
export function stepsJson(steps: readonly StepTrace[]): string {
  if (steps.length === 0) return "";
  return JSON.stringify(steps.map((step) => ({ ...step, ms: inMicroseconds(step.ms) })));
}

/** Returns a duration in ms with three decimals: microseconds are precise enough. */
export function inMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
