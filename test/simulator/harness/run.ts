import { attach } from "../../../src/attachment/attach.ts";
import { collect } from "../../../src/attachment/collect.ts";
import { detach } from "../../../src/attachment/detach.ts";
import type { AttachmentName } from "../../../src/attachment/record.ts";
import { errorDocument } from "../../../src/cni/error-document.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import type { Result } from "../../../src/cni/result.ts";
import type { Node } from "../../../src/node/node.ts";
import type { Machine } from "../model/machine.ts";
import { type Crossing, type Fault, Gate } from "../node/gate.ts";
import { nodeOf } from "../node/node.ts";
import { attachCall, collectCall, detachCall, environmentOf, type Pod, type Wish } from "./calls.ts";

/** How a call of the plugin went. */
export interface Run {
  readonly end: "done" | "failed" | "killed";
  /** Where it failed: what it threw. */
  readonly error: unknown;
  /** Where ADD is done. */
  readonly result: Result | undefined;
  readonly crossings: readonly Crossing[];
  readonly warnings: readonly string[];
  /** What no run may do, whatever befell it. */
  readonly offences: readonly string[];
}

/** ADD, in a process of its own. */
export function add(machine: Machine, pod: Pod, wish: Wish, fault?: Fault): Run {
  return run(machine, pod, "ADD", (node, warn) => attach(node, attachCall(node, pod, wish, warn)), fault);
}

/** DEL, in a process of its own. `netns`: CNI_NETNS, null for none, if it is not the pod's. */
export function del(machine: Machine, pod: Pod, wish: Wish, fault?: Fault, netns?: string | null): Run {
  const given = netns === undefined ? pod.netns : (netns ?? undefined);
  return run(
    machine,
    pod,
    "DEL",
    (node, warn) => {
      const call = detachCall(node, pod, wish, warn);
      detach(node, { ...call, netns: given });
      return undefined;
    },
    fault,
  );
}

/** GC of a network, in a process of its own. `valid`: what the runtime lists, undefined for no list. */
export function gc(
  machine: Machine,
  network: string,
  valid: readonly AttachmentName[] | undefined,
  fault?: Fault,
): Run {
  const nobody = { containerId: "", ifname: "", netns: "" };
  return run(
    machine,
    nobody,
    "GC",
    (node, warn) => {
      collect(node, collectCall(node, network, valid, warn));
      return undefined;
    },
    fault,
  );
}

/** Any verb. */
export function run(
  machine: Machine,
  pod: Pod,
  command: string,
  verb: (node: Node, warn: (message: string) => void) => Result | undefined,
  fault?: Fault,
): Run {
  const process = machine.startProcess();
  const gate = new Gate(machine, process, fault);
  const warnings: string[] = [];
  const before = machine.children.length;
  const settled: Pick<Run, "end" | "error" | "result"> = (() => {
    try {
      const result = verb(nodeOf(gate, environmentOf(pod, command)), (message) => warnings.push(message));
      return { end: "done", error: undefined, result };
    } catch (error) {
      return { end: "failed", error, result: undefined };
    }
  })();
  const wasKilled = !process.alive;
  machine.endProcess(process);
  const crossings = gate.crossings;
  if (wasKilled) return { ...settled, end: "killed", crossings, warnings, offences: [] };
  const orphans = machine.children.slice(before).filter((child) => child.outcome === undefined);
  const offences = orphans.map(() => `${command} ended and left a child behind`);
  if (settled.end === "failed") offences.push(...errorOffences(command, settled.error));
  return { ...settled, crossings, warnings, offences };
}

/** What CNI's Go libraries answer with their code for everything, and so do we. */
const conventional = [
  "failed to find plugin",
  "invalid plugin name",
  "failed to open netns",
  "IPAM plugin returned",
  "of IPAM's result",
  "failed to allocate for range",
];

/** Is it an error that tells the runtime, and the operator, what is the matter? */
function errorOffences(command: string, error: unknown): string[] {
  const offences: string[] = [];
  if (!(error instanceof CniError)) {
    return [`${command} threw no CniError: ${error instanceof Error ? error.stack : String(error)}`];
  }
  const isConvention = conventional.some((text) => error.message.includes(text));
  if (error.code === codes.internal && !isConvention)
    offences.push(`${command} failed with 999: ${error.message}`);
  return offences;
}

/** All that the runtime is told of an error. */
export function told(error: unknown): string {
  return errorDocument(error);
}
