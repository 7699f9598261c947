import type { Machine } from "../model/machine.ts";
import type { Process } from "../model/process.ts";

/** One call that the plugin makes on the node. */
export interface Crossing {
  /** Its number in the process, from 0 on. */
  readonly at: number;
  /** E.g. "links.move". */
  readonly call: string;
  /** What it is about. */
  readonly subject: string;
  /** What of it can happen alone, see {@link Parts}. */
  readonly parts: readonly string[];
  /** Grows with all that happens: between two calls with the same one the node has not changed. */
  readonly version: number;
}

/**
 * What of a call can happen where it does not happen as a whole: how far it came before it failed, or another
 * answer than the true one. Every call has "all", and a change "nothing" as well.
 */
export type Parts<T> = Readonly<Record<string, () => T>>;

/** What becomes of a call. */
export interface Verdict {
  /** What of it happens; undefined: nothing. */
  readonly part?: string;
  /** How it ends: as if nothing were wrong, with an error, or with the death of the process. */
  readonly end: "return" | "kill" | Error;
}

/**
 * Decides what becomes of each call of a process; undefined: it just happens. It may do something to the node,
 * or to the process, itself.
 */
export type Fault = (crossing: Crossing, process: Process) => Verdict | undefined;

/** How long every call takes, ms. Slow, so that udev and children get to do something between any two. */
const CALL_TIME = 1;
/** No verb makes as many calls: who does never ends. */
const MOST_CALLS = 5_000;

/** Thrown by every call of a process that was killed. Nobody can make an effect of it: the gate stays shut. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** What every call of a plugin's process on the node goes through: it counts, and fails or kills at will. */
export class Gate {
  readonly crossings: Crossing[] = [];
  #changes = 0;

  constructor(
    readonly machine: Machine,
    readonly process: Process,
    private readonly fault: Fault | undefined,
  ) {}

  /** A call that asks. */
  ask<T>(call: string, subject: string, answer: () => T, parts: Parts<T> = {}): T {
    return this.#pass(call, subject, { all: answer, ...parts });
  }

  /** A call that changes something. */
  change<T>(call: string, subject: string, change: () => T, parts: Parts<T> = {}): T {
    try {
      return this.#pass(call, subject, { all: change, ...parts });
    } finally {
      this.#changes++;
    }
  }

  #pass<T>(call: string, subject: string, parts: Parts<T>): T {
    if (!this.process.alive) throw new Killed("is dead");
    const at = this.crossings.length;
    if (at === MOST_CALLS) throw new Error(`the plugin does not end: ${call} ${subject}`);
    const version = this.#changes + this.machine.time.happened;
    const crossing = { at, call, subject, parts: Object.keys(parts), version };
    this.crossings.push(crossing);
    this.machine.time.pass(CALL_TIME);
    const { part, end } = this.fault?.(crossing, this.process) ?? { part: "all", end: "return" };
    if (end === "return") return this.#body(parts, part ?? "all")();
    if (part !== undefined) this.#happen(this.#body(parts, part), end);
    if (end !== "kill") throw end;
    this.machine.endProcess(this.process);
    throw new Killed(`killed at ${call} ${subject}`);
  }

  #body<T>(parts: Parts<T>, name: string): () => T {
    const body = parts[name];
    if (body === undefined) throw new Error(`no part ${name} among ${Object.keys(parts).join(", ")}`);
    return body;
  }

  /** A kill comes whatever becomes of the call; of two errors the node's own is the true one. */
  #happen(body: () => unknown, end: "kill" | Error): void {
    try {
      body();
    } catch (error) {
      if (end !== "kill") throw error;
    }
  }
}
