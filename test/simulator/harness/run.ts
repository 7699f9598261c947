import { bind } from "../../../src/attachment/admin/bind.ts";
import { forceRelease, forceReleaseAt } from "../../../src/attachment/admin/force-release.ts";
import { type ProvisionOptions, provision } from "../../../src/attachment/admin/provision.ts";
import { add as addVerb } from "../../../src/attachment/cni-verbs/add.ts";
import { check as checkVerb } from "../../../src/attachment/cni-verbs/check.ts";
import { del as delVerb } from "../../../src/attachment/cni-verbs/del.ts";
import { gc as gcVerb } from "../../../src/attachment/cni-verbs/gc.ts";
import { ipamCallFor } from "../../../src/attachment/ipam/ipam.ts";
import { openSession, type Session } from "../../../src/attachment/lock/session.ts";
import type { AttachmentName } from "../../../src/attachment/record/record.ts";
import { gcEntries } from "../../../src/cli/attachments/gc.ts";
import { errorDocument } from "../../../src/cni/error-document.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import type { Result } from "../../../src/cni/result.ts";
import type { Node } from "../../../src/node/node.ts";
import { unobserved } from "../../support/unobserved.ts";
import { forgetFiles, giveFiles } from "../model/device-plugin.ts";
import type { Machine } from "../model/machine.ts";
import { nodeOf } from "../model/node.ts";
import { type Fault, Gate, type NodeCall } from "./gate.ts";
import {
  type AttachmentRequest,
  addRequest,
  delRequest,
  environmentOf,
  gcRequest,
  type Pod,
  timeoutOf,
} from "./requests.ts";

type Warn = (message: string) => void;

/** The code of a process; `answer` sends the result to the runtime. */
export type Verb = (node: Node, warn: Warn, answer: (result: Result) => void) => void;

/** The pod of a command that concerns no pod. */
const noPod = { containerId: "", ifname: "", netns: "" };
/** Time limit of a command, ms. */
const DEFAULT_TIMEOUT = 60_000;

/** Time by which a verb may exceed its time limit, ms: the limit cannot end the kernel's work, 1 ms for each kernel call. */
const UNCOUNTED = 2_000;

/** The outcome of a call of the plugin. */
export interface Run {
  readonly end: "done" | "failed" | "killed";
  /** The error that the verb threw, if it failed. */
  readonly error: unknown;
  /** The result that the runtime got. */
  readonly result: Result | undefined;
  readonly calls: readonly NodeCall[];
  readonly warnings: readonly string[];
  /** Violations of rules that hold for every run, whatever its fault. */
  readonly violations: readonly string[];
}

/** Returns how often a run has bound a driver. */
export function rebinds({ calls }: Pick<Run, "calls">): number {
  return calls.filter(({ call }) => call === "functions.bind").length;
}

/** Runs ADD in a new process. */
export function add(machine: Machine, pod: Pod, request: AttachmentRequest, fault?: Fault): Run {
  giveFiles(machine, pod, request.vf);
  const verb: Verb = (node, warn, answer) => addVerb(node, addRequest(node, pod, request, warn), answer);
  return run(machine, pod, "ADD", verb, fault, timeoutOf(request));
}

/** Runs DEL in a new process. `netns`: CNI_NETNS if it is not the pod's, null for none. */
export function del(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  fault?: Fault,
  netns?: string | null,
): Run {
  const given = netns === undefined ? pod.netns : (netns ?? undefined);
  const ran = run(
    machine,
    pod,
    "DEL",
    (node, warn) => {
      const call = delRequest(node, pod, request, warn);
      delVerb(node, { ...call, netns: given });
    },
    fault,
    timeoutOf(request),
  );
  if (ran.end === "done") forgetFiles(machine, pod);
  return ran;
}

/** Runs CHECK in a new process. `prevResult`: the result that the runtime remembers. */
export function check(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  prevResult: Result,
  fault?: Fault,
): Run {
  const verb: Verb = (node, warn) => {
    const call = addRequest(node, pod, request, warn);
    checkVerb(node, { ...call, prevResult, ipam: ipamCallFor(call.name, call.netns, call) });
  };
  return run(machine, pod, "CHECK", verb, fault);
}

/** Runs GC of a network in a new process. `valid`: the runtime's list, `undefined` for no list. */
export function gc(
  machine: Machine,
  network: string,
  valid: readonly AttachmentName[] | undefined,
  fault?: Fault,
): Run {
  return run(
    machine,
    noPod,
    "GC",
    (node, warn) => {
      gcVerb(node, gcRequest(node, network, valid, warn));
    },
    fault,
  );
}

/** Returns the session of a command. */
function commandSession(node: Node, warn: Warn): Session {
  return openSession(node, { deadline: node.clock.now() + DEFAULT_TIMEOUT, warn, observe: unobserved });
}

/** Runs `ib-sriov provision` of one VF in a new process. */
export function provisionOne(
  machine: Machine,
  pci: string,
  options: Partial<ProvisionOptions>,
  fault?: Fault,
): Run {
  const verb = (node: Node, warn: Warn) => {
    provision(commandSession(node, warn), pci, { replace: false, taken: [], ...options });
  };
  return run(machine, noPod, "provision", verb, fault);
}

/** Runs `ib-sriov bind` of one VF in a new process. */
export function bindOne(machine: Machine, pci: string, driver: string | undefined, fault?: Fault): Run {
  const verb = (node: Node, warn: Warn) => {
    bind(commandSession(node, warn), pci, { driver });
  };
  return run(machine, noPod, "bind", verb, fault);
}

/** Runs `ib-sriov gc` in a new process. It fails if a line of its output reports a failure, as the command does. */
export function gcOfAll(machine: Machine, options: { readonly dryRun: boolean }, fault?: Fault): Run {
  const verb = (node: Node, warn: Warn) => {
    const lines = gcEntries(commandSession(node, warn), options);
    for (const { path, outcome, why } of lines) {
      if (outcome === "failed") throw new CniError(codes.node, `${path}: ${why}`);
      warn(`${path}: ${outcome} ${why}`);
    }
  };
  return run(machine, noPod, "gc", verb, fault);
}

/** Runs `ib-sriov attachments release` in a new process. */
export function releaseOf(
  machine: Machine,
  { containerId, ifname }: Pod,
  options: { readonly force: boolean },
  fault?: Fault,
): Run {
  const verb = (node: Node, warn: Warn) => {
    forceRelease(commandSession(node, warn), { containerId, ifname }, options);
  };
  return run(machine, noPod, "release", verb, fault);
}

/** Runs `ib-sriov attachments release PATH` in a new process, for a record whose attachment is not known. */
export function releaseAt(
  machine: Machine,
  path: string,
  options: { readonly force: boolean },
  fault?: Fault,
): Run {
  const verb = (node: Node, warn: Warn) => {
    forceReleaseAt(commandSession(node, warn), path, options);
  };
  return run(machine, noPod, "release", verb, fault);
}

/**
 * Runs a verb in a new process.
 * @param timeout the verb's time limit, ms.
 */
export function run(
  machine: Machine,
  pod: Pod,
  command: string,
  verb: Verb,
  fault?: Fault,
  timeout = Number.POSITIVE_INFINITY,
): Run {
  const begin = machine.time.now;
  const process = machine.startProcess();
  const gate = new Gate(machine, process, fault);
  const warnings: string[] = [];
  const before = machine.children.length;
  let result: Result | undefined;
  const answer = (made: Result) =>
    gate.answer(() => {
      result = made;
    });
  const node = gate.around(nodeOf(machine, process, environmentOf(pod, command)));
  const settled: Pick<Run, "end" | "error"> = (() => {
    try {
      verb(node, (message) => warnings.push(message), answer);
      return { end: "done", error: undefined };
    } catch (error) {
      return { end: "failed", error };
    }
  })();
  const wasKilled = !process.isRunning;
  machine.endProcess(process);
  const calls = gate.calls;
  if (wasKilled) return { ...settled, end: "killed", result, calls, warnings, violations: [] };
  const orphans = machine.children.slice(before).filter((child) => child.outcome === undefined);
  const violations = orphans.map(() => `${command} ended and left a child behind`);
  violations.push(...machine.bus.hangingCalls.splice(0).map((call) => `${command} never returns: ${call}`));
  const time = machine.time.now - begin;
  if (time > timeout + UNCOUNTED)
    violations.push(`${command} took ${time} ms, although its limit is ${timeout}`);
  if (settled.end === "failed") violations.push(...errorViolations(command, settled.error));
  return { ...settled, result, calls, warnings, violations };
}

/** Errors that the CNI project's Go libraries report with code 999, and ib-sriov, too. */
const conventional = [
  "failed to find plugin",
  "invalid plugin name",
  "failed to open netns",
  "returned missing IP config",
  "of the result of IPAM plugin",
  "failed to allocate for range",
];

/** Returns a violation if the error is not a CniError, or has code 999 although a more specific code exists. */
function errorViolations(command: string, error: unknown): string[] {
  const violations: string[] = [];
  if (!(error instanceof CniError)) {
    return [`${command} threw no CniError: ${error instanceof Error ? error.stack : String(error)}`];
  }
  const isConvention = conventional.some((text) => error.message.includes(text));
  if (error.code === codes.internal && !isConvention)
    violations.push(`${command} failed with 999: ${error.message}`);
  return violations;
}

/** Returns the whole text that the runtime gets for an error. */
export function messageChain(error: unknown): string {
  return errorDocument(error);
}

/** Returns the verbs other than ADD that IPAM plugins were called with. */
export function ipamVerbs({ children }: Machine): (string | undefined)[] {
  return children.map((child) => child.environment.get("CNI_COMMAND")).filter((each) => each !== "ADD");
}
