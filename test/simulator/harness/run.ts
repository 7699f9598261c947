import { forceRelease } from "../../../src/attachment/operator/force-release.ts";
import { provision } from "../../../src/attachment/operator/provision.ts";
import type { AttachmentName } from "../../../src/attachment/record/record.ts";
import { StateDirectory } from "../../../src/attachment/record/state-directory.ts";
import { add as addVerb } from "../../../src/attachment/verbs/add.ts";
import { del as delVerb } from "../../../src/attachment/verbs/del.ts";
import { gc as gcVerb } from "../../../src/attachment/verbs/gc.ts";
import { gcEntries } from "../../../src/cli/attachments/gc.ts";
import { errorDocument } from "../../../src/cni/error-document.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import type { Result } from "../../../src/cni/result.ts";
import type { Node } from "../../../src/node/node.ts";
import { unobserved } from "../../support/unobserved.ts";
import type { Machine } from "../model/machine.ts";
import { type Crossing, type Fault, Gate } from "../node/gate.ts";
import { nodeOf } from "../node/node.ts";
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

/** What a process does; `answer` tells the runtime the result. */
export type Verb = (node: Node, warn: Warn, answer: (result: Result) => void) => void;

/** Who calls where no pod is meant. */
const nobody = { containerId: "", ifname: "", netns: "" };
/** How long a command may wait, ms. */
const PATIENCE = 60_000;

/** How much longer than its limit a call may take, ms: no limit ends what the kernel does, each call of which takes 1 ms. */
const UNCOUNTED = 2_000;

/** How a call of the plugin went. */
export interface Run {
  readonly end: "done" | "failed" | "killed";
  /** Where it failed: what it threw. */
  readonly error: unknown;
  /** What the runtime was told. */
  readonly result: Result | undefined;
  readonly crossings: readonly Crossing[];
  readonly warnings: readonly string[];
  /** What no run may do, whatever befell it. */
  readonly violations: readonly string[];
}

/** ADD, in a process of its own. */
export function add(machine: Machine, pod: Pod, wish: AttachmentRequest, fault?: Fault): Run {
  const verb: Verb = (node, warn, answer) => addVerb(node, addRequest(node, pod, wish, warn), answer);
  return run(machine, pod, "ADD", verb, fault, timeoutOf(wish));
}

/** DEL, in a process of its own. `netns`: CNI_NETNS, null for none, if it is not the pod's. */
export function del(
  machine: Machine,
  pod: Pod,
  wish: AttachmentRequest,
  fault?: Fault,
  netns?: string | null,
): Run {
  const given = netns === undefined ? pod.netns : (netns ?? undefined);
  return run(
    machine,
    pod,
    "DEL",
    (node, warn) => {
      const call = delRequest(node, pod, wish, warn);
      delVerb(node, { ...call, netns: given });
    },
    fault,
    timeoutOf(wish),
  );
}

/** GC of a network, in a process of its own. `valid`: what the runtime lists, undefined for no list. */
export function gc(
  machine: Machine,
  network: string,
  valid: readonly AttachmentName[] | undefined,
  fault?: Fault,
): Run {
  return run(
    machine,
    nobody,
    "GC",
    (node, warn) => {
      gcVerb(node, gcRequest(node, network, valid, warn));
    },
    fault,
  );
}

/** `ib-sriov provision` of one VF, in a process of its own. */
export function provisionOne(machine: Machine, pci: string, fault?: Fault): Run {
  const verb = (node: Node, warn: Warn) => {
    provision(node, { deadline: node.clock.now() + PATIENCE, warn, observe: unobserved }, pci);
  };
  return run(machine, nobody, "provision", verb, fault);
}

/** `ib-sriov gc`, in a process of its own. It fails where one of its lines says so, as the command does. */
export function gcOfAll(machine: Machine, act: boolean, fault?: Fault): Run {
  const verb = (node: Node, warn: Warn) => {
    const lines = gcEntries(node, { deadline: node.clock.now() + PATIENCE, warn, observe: unobserved }, act);
    for (const { path, outcome, why } of lines) {
      if (outcome === "failed") throw new CniError(codes.node, `${path}: ${why}`);
      warn(`${path}: ${outcome} ${why}`);
    }
  };
  return run(machine, nobody, "gc", verb, fault);
}

/** `ib-sriov attachments release`, in a process of its own. */
export function releaseOf(machine: Machine, pod: Pod, force: boolean, fault?: Fault): Run {
  const { containerId, ifname } = pod;
  const verb = (node: Node, warn: Warn) => {
    const limits = { deadline: node.clock.now() + PATIENCE, warn, observe: unobserved };
    forceRelease(node, new StateDirectory(node.files), limits, { containerId, ifname }, force);
  };
  return run(machine, nobody, "release", verb, fault);
}

/**
 * Any verb.
 * @param timeout how long it may take, ms.
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
  const answer = (told: Result) => {
    const write = () => {
      result = told;
    };
    gate.change("answer", "stdout", write, { nothing() {} });
  };
  const settled: Pick<Run, "end" | "error"> = (() => {
    try {
      verb(nodeOf(gate, environmentOf(pod, command)), (message) => warnings.push(message), answer);
      return { end: "done", error: undefined };
    } catch (error) {
      return { end: "failed", error };
    }
  })();
  const wasKilled = !process.alive;
  machine.endProcess(process);
  const crossings = gate.crossings;
  if (wasKilled) return { ...settled, end: "killed", result, crossings, warnings, violations: [] };
  const orphans = machine.children.slice(before).filter((child) => child.outcome === undefined);
  const violations = orphans.map(() => `${command} ended and left a child behind`);
  violations.push(...machine.bus.endless.splice(0).map((call) => `${command} never returns: ${call}`));
  const time = machine.time.now - begin;
  if (time > timeout + UNCOUNTED)
    violations.push(`${command} took ${time} ms, although its limit is ${timeout}`);
  if (settled.end === "failed") violations.push(...errorViolations(command, settled.error));
  return { ...settled, result, crossings, warnings, violations };
}

/** What CNI's Go libraries answer with their code for everything, and so do we. */
const conventional = [
  "failed to find plugin",
  "invalid plugin name",
  "failed to open netns",
  "returned missing IP config",
  "of the result of IPAM plugin",
  "failed to allocate for range",
];

/** Is it an error that tells the runtime, and the operator, what is the matter? */
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

/** All that the runtime is told of an error. */
export function messageChain(error: unknown): string {
  return errorDocument(error);
}
