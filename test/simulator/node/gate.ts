import type { Machine } from "../model/machine.ts";
import type { Process } from "../model/process.ts";

/** One call that the plugin makes on the node. */
export interface Crossing {
  /** Its number in the process, from 0. */
  readonly at: number;
  /** For example "links.move". */
  readonly call: string;
  /** Its object. */
  readonly subject: string;
  /** Effects that the call can have instead of all, see {@link Parts}. */
  readonly parts: readonly string[];
  /** Grows with all changes of the node: it has not changed between two calls with the same number. */
  readonly version: number;
}

/**
 * Incomplete effects of a call: what it has done before it fails, or an answer other than the true one. Every call has
 * "all", and a change also has "nothing".
 */
export type Parts<T> = Readonly<Record<string, () => T>>;

/** The outcome of a call. */
export interface Verdict {
  /** The effect that the call has; `undefined` for none. */
  readonly part?: string;
  /** How the call ends: as if it had succeeded, with an error, or with a kill of the process. */
  readonly end: "return" | "kill" | Error;
}

/**
 * Decides the outcome of each call of a process; `undefined` for a normal call. It can also change the node or the
 * process itself.
 */
export type Fault = (crossing: Crossing, process: Process) => Verdict | undefined;

/** Time that every call takes, ms. It is long, so that udev and children can act between any two calls. */
const CALL_TIME = 1;
/** More calls than any verb makes: a larger number means that the verb never ends. */
const MOST_CALLS = 5_000;

/** Thrown by every call of a killed process, so that its code cannot change the node any more. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/**
 * Every call of a plugin's process on the node passes the gate, which counts it, and makes it fail or kills the
 * process.
 */
export class Gate {
  readonly crossings: Crossing[] = [];
  #changes = 0;

  constructor(
    readonly machine: Machine,
    readonly process: Process,
    private readonly fault: Fault | undefined,
  ) {}

  /** A call that reads. */
  ask<T>(call: string, subject: string, answer: () => T, parts: Parts<T> = {}): T {
    return this.#pass(call, subject, { all: answer, ...parts });
  }

  /** A call that changes the node. */
  change<T>(call: string, subject: string, change: () => T, parts: Parts<T> = {}): T {
    try {
      return this.#pass(call, subject, { all: change, ...parts });
    } finally {
      this.#changes++;
    }
  }

  #pass<T>(call: string, subject: string, parts: Parts<T>): T {
    if (!this.process.isRunning) throw new Killed("the process was killed before");
    const at = this.crossings.length;
    if (at === MOST_CALLS) throw new Error(`the verb does not end: ${call} ${subject}`);
    const version = this.#changes + this.machine.time.eventCount;
    const crossing = { at, call, subject, parts: Object.keys(parts), version };
    this.crossings.push(crossing);
    this.machine.time.pass(CALL_TIME);
    const { part, end } = this.fault?.(crossing, this.process) ?? { part: "all", end: "return" };
    if (end === "return") return this.#body(parts, part ?? "all")();
    if (part !== undefined) this.#takeEffect(this.#body(parts, part), end);
    if (end !== "kill") throw end;
    this.machine.endProcess(this.process);
    throw new Killed(`killed at ${call} ${subject}`);
  }

  #body<T>(parts: Parts<T>, name: string): () => T {
    const body = parts[name];
    if (body === undefined) throw new Error(`no part ${name} among ${Object.keys(parts).join(", ")}`);
    return body;
  }

  /**
   * Lets a call take effect before its end. A kill ends the call even if it fails; otherwise the node's own error
   * counts.
   */
  #takeEffect(body: () => unknown, end: "kill" | Error): void {
    try {
      body();
    } catch (error) {
      if (end !== "kill") throw error;
    }
  }
}
