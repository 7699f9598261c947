import { formatTime } from "host";
import { isNamed } from "../attachment/record.ts";
import { argument, parseArgs } from "../cni/args.ts";
import { type ErrorObject, errorObject } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Clock } from "../node/clock.ts";
import type { Level } from "./level.ts";
import { rounded, type StepTrace, type Trace } from "./trace.ts";

/** What the log says of one call. What was not to be had is "". */
export interface Entry {
  /** When it ended, RFC 3339. */
  readonly time: string;
  readonly level: Level;
  /** All of it in one line. */
  readonly msg: string;
  /** CNI_COMMAND and so on, as they came; under the names that sriov-cni logs them. */
  readonly command: string;
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
  /** The GUID that the network wants it to have. */
  readonly guid: string;
  /** How long the call took, ms. */
  readonly ms: number;
  readonly steps: readonly StepTrace[];
  readonly warnings: readonly string[];
  /** Other attachments that it undid, e.g. "c1 net1 0000:03:00.2": those that GC found, or one that had died. */
  readonly others: readonly string[];
  readonly error: Pick<ErrorObject, "code" | "msg" | "details"> | undefined;
}

/** A call that is over. */
export interface EndedCall {
  /** Of the call's environment. */
  readonly getenv: (name: string) => string | undefined;
  /** undefined where it could not be read. */
  readonly network: { readonly name: string; readonly deviceID: unknown } | undefined;
  readonly trace: Trace;
  /** What it threw; undefined where it did not. */
  readonly error: unknown;
}

/** Longest text of an entry, characters: a variable, what an IPAM plugin said, a stack can be of any length. */
const longest = 1000;

/** The entry of a call that ends now. */
export function entryOf(clock: Pick<Clock, "now" | "wall">, call: EndedCall): Entry {
  const { getenv, network, trace, error } = call;
  const variable = (name: string) => getenv(`CNI_${name}`) ?? "";
  const args = parseArgs(variable("ARGS"));
  const name = { containerId: variable("CONTAINERID"), ifname: variable("IFNAME") };
  const record = trace.records.findLast((each) => isNamed(name, each));
  const failure = error === undefined ? undefined : errorObject(error);
  const entry = {
    time: formatTime(Math.floor(clock.wall())),
    level: levelOf(call),
    msg: "",
    command: cut(variable("COMMAND")),
    containerID: cut(name.containerId),
    ifname: cut(name.ifname),
    netns: cut(variable("NETNS")),
    podNamespace: cut(argument(args, "K8S_POD_NAMESPACE")),
    podName: cut(argument(args, "K8S_POD_NAME")),
    network: cut(network?.name),
    vf: record?.vf.pci ?? cut(network?.deviceID),
    guid: record?.wanted.guid ?? "",
    ms: rounded(clock.now() - trace.begin),
    steps: trace.steps,
    warnings: trace.warnings.map(cut),
    others: trace.records
      .filter((each) => !isNamed(name, each))
      .map(({ containerId, ifname, vf }) => `${containerId} ${ifname} ${vf.pci}`),
    error: failure && { code: failure.code, msg: cut(failure.msg), details: cut(failure.details) },
  };
  return { ...entry, msg: sentence(entry) };
}

/** How serious what has become of a call is. */
export function levelOf({ getenv, trace, error }: EndedCall): Level {
  if (error !== undefined) return isOurFault(error) ? "panic" : "error";
  // Runtimes ask for it every few seconds: what it says matters when it says no.
  if (getenv("CNI_COMMAND") === "STATUS") return "debug";
  return trace.warnings.length > 0 ? "warning" : "info";
}

function isOurFault(error: unknown): boolean {
  return !(error instanceof CniError) && errorObject(error).code === codes.internal;
}

function sentence({
  command,
  podNamespace,
  podName,
  containerID,
  ifname,
  network,
  vf,
  ms,
  error,
}: Entry): string {
  const whose = podName === "" ? containerID : `${podNamespace}/${podName}`;
  const call = [command, whose, ifname, network, vf].filter((each) => each !== "").join(" ");
  const end = error === undefined ? "done" : `failed with code ${error.code}: ${error.msg}`;
  return `${call}: ${end} (${Math.round(ms)} ms)`.replaceAll("\n", " ");
}

/** A text, if it is one, and not too much of it. */
function cut(text: unknown): string {
  if (typeof text !== "string") return "";
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
