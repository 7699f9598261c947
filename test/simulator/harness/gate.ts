import type { Node } from "../../../src/node/node.ts";
import type { Machine } from "../model/machine.ts";
import { OpenNetns } from "../model/netns.ts";
import type { Process } from "../model/process.ts";
import { type CallName, isChange, type Parts, partialEffectsOf } from "./partial-effects.ts";

/** One call that the plugin makes on the node. */
export class NodeCall {
  constructor(
    /** Its number in the process, from 0. */
    readonly at: number,
    /** The name of the call; "answer" is the output of the result. */
    readonly call: CallName | "answer",
    /** Grows with all changes of the node: it has not changed between two calls with the same number. */
    readonly version: number,
    private readonly objects: readonly unknown[],
    /** The effects that the call can have: "all", and those in partial-effects.ts. */
    readonly parts: readonly string[],
  ) {}

  /** The objects of the call, as text. */
  get subject(): string {
    return this.objects.map(describe).filter(Boolean).join(" ");
  }
}

/** The outcome of a call. */
export interface Outcome {
  /** The effect that the call has; `undefined` for no effect. */
  readonly part?: string;
  /** How the call ends: as if it had succeeded, with an error, or with a kill of the process. */
  readonly end: "return" | "kill" | Error;
}

/**
 * Decides the outcome of each call of a process; `undefined` for a normal call. It can also change the node or the
 * process itself.
 */
export type Fault = (nodeCall: NodeCall, process: Process) => Outcome | undefined;

/** Time that every call takes, ms. It is long, so that udev and children can act between any two calls. */
const CALL_TIME = 1;
/** More calls than any verb makes: a larger number means that the verb never ends. */
const MOST_CALLS = 5_000;

/** Thrown by every call of a killed process, so that its code cannot change the node any more. */
export class ProcessKilled extends Error {
  override readonly name = "ProcessKilled";
}

/** The calls that return an object whose members are calls, too, and the names of these objects. */
const returned: { readonly [Call in CallName]?: string } = {
  "namespaces.open": "namespace",
  "files.lock": "lock",
  "processes.start": "child",
  "links.watch": "watch",
  "rdma.watch": "watch",
};

/**
 * Every call of a plugin's process on the node passes the gate, which counts it, and makes it fail or kills the
 * process.
 */
export class Gate {
  readonly calls: NodeCall[] = [];
  #changes = 0;
  #bootId: unknown;

  constructor(
    readonly machine: Machine,
    readonly process: Process,
    private readonly fault: Fault | undefined,
  ) {}

  /** Returns the node with each of its calls passing the gate. */
  around(node: Node): Node {
    const parts = Object.entries(node).map(([name, part]) => [name, this.#wrap(name, part)]);
    return Object.fromEntries(parts) as Node;
  }

  /** Lets the process write its result. */
  answer(write: () => void): void {
    this.#pass("answer", [], { all: write, nothing() {} }, { isChange: true });
  }

  /**
   * Returns an object like `real`, whose calls pass the gate.
   * @param name the first part of the names of the calls.
   * @param about the objects of all calls, such as the path of a lock; by default, those of a call are its arguments.
   */
  #wrap<T extends object>(name: string, real: T, about?: readonly unknown[]): T {
    const members = new Map<unknown, unknown>();
    return new Proxy(real, {
      get: (_, member) => {
        // On Linux, this property makes a socket in the namespace, so it can fail.
        if (name === "namespace" && member === "cookie")
          return this.#pass("namespace.cookie", about ?? [], { all: () => Reflect.get(real, member) });
        if (!members.has(member)) members.set(member, this.#member(name, real, member, about));
        return members.get(member);
      },
    });
  }

  #member(name: string, real: object, member: string | symbol, about?: readonly unknown[]): unknown {
    const value: unknown = Reflect.get(real, member);
    if (name === "namespaces" && member === "host") return this.#wrap("namespace", value as object, ["host"]);
    if (typeof value !== "function") return value;
    const call = `${name}.${String(member)}` as CallName;
    const act = value.bind(real) as (...args: readonly unknown[]) => unknown;
    // A stack trace shows the name of the property as the name of the function.
    return { [call]: (...args: unknown[]) => this.#call(call, real, act, args, about) }[call];
  }

  #call(
    call: CallName,
    real: object,
    act: (...args: readonly unknown[]) => unknown,
    args: readonly unknown[],
    about?: readonly unknown[],
  ): unknown {
    // src/linux makes no system call for these.
    if (call === "lock.share" || (call.endsWith("Altnames") && isEmpty(args.at(-1)))) return act(...args);
    if (call === "clock.bootId" && this.#bootId !== undefined) return this.#bootId;
    const objects = about ?? (call.startsWith("files.") && call !== "files.rename" ? args.slice(0, 1) : args);
    const parts = { all: () => act(...args), ...partialEffectsOf(call, this.machine, real, args) };
    const result = this.#pass(call, objects, parts, { isChange: isChange(call) });
    if (call === "clock.bootId") this.#bootId = result;
    const kind = returned[call];
    return kind === undefined ? result : this.#wrap(kind, result as object, objects);
  }

  #pass(
    call: NodeCall["call"],
    objects: readonly unknown[],
    parts: Parts,
    { isChange = false } = {},
  ): unknown {
    try {
      if (!this.process.isRunning) throw new ProcessKilled("the process was killed before");
      const version = this.#changes + this.machine.time.eventCount;
      const nodeCall = new NodeCall(this.calls.length, call, version, objects, Object.keys(parts));
      if (nodeCall.at === MOST_CALLS) throw new Error(`the verb does not end: ${call} ${nodeCall.subject}`);
      this.calls.push(nodeCall);
      this.machine.time.pass(CALL_TIME);
      const { part, end } = this.fault?.(nodeCall, this.process) ?? { part: "all", end: "return" };
      if (end === "return") return partOf(parts, part ?? "all")();
      if (part !== undefined) takeEffect(partOf(parts, part), end);
      if (end !== "kill") throw end;
      this.machine.endProcess(this.process);
      throw new ProcessKilled(`killed at ${call} ${nodeCall.subject}`);
    } finally {
      if (isChange) this.#changes++;
    }
  }
}

function partOf(parts: Parts, name: string): () => unknown {
  const part = parts[name];
  if (part === undefined) throw new Error(`no part ${name} among ${Object.keys(parts).join(", ")}`);
  return part;
}

/**
 * Lets a call take effect before its end. A kill ends the call even if it fails; otherwise the node's own error counts.
 */
function takeEffect(part: () => unknown, end: "kill" | Error): void {
  try {
    part();
  } catch (error) {
    if (end !== "kill") throw error;
  }
}

function isEmpty(list: unknown): boolean {
  return Array.isArray(list) && list.length === 0;
}

/** Returns an argument of a call as text, "" if it does not help to recognize the call. */
function describe(arg: unknown): string {
  if (arg instanceof OpenNetns) return arg.netns.label;
  if (typeof arg === "string" || typeof arg === "number") return String(arg);
  if (typeof arg !== "object" || arg === null) return "";
  return "path" in arg ? String(arg.path) : JSON.stringify(arg);
}
