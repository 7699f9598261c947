import type { Action, Observe } from "../attachment/limits.ts";
import type { AttachmentRecord } from "../attachment/record/record.ts";
import type { Clock } from "../node/clock.ts";

/** A step of a call, for the log. */
export interface StepTrace {
  readonly step: string;
  readonly action: Action;
  /** Total duration, ms. */
  ms: number;
  /** Number of times; `undefined` for 1. GC repeats a step for each attachment. */
  times?: number;
  /** Number of failures; `undefined` for 0. */
  failed?: number;
}

/** Most steps, warnings and attachments that are recorded. Only a GC of many attachments has more. */
const most = 64;
/** Shortest wait that is recorded, ms. A shorter wait means that the lock was free. */
const shortestWait = 1;

/** Records the steps of a call, and their durations. */
export class Trace {
  readonly warnings: string[] = [];
  /** The attachments of the steps. The attachment of an ADD comes after the orphan that the ADD restored. */
  readonly records: AttachmentRecord[] = [];
  /** Start of the call, on the node's clock. */
  readonly begin: number;
  /** Steps by action and name, in their order. */
  private readonly known = new Map<string, StepTrace>();

  constructor(private readonly clock: Pick<Clock, "now">) {
    this.begin = clock.now();
  }

  get steps(): readonly StepTrace[] {
    return [...this.known.values()];
  }

  readonly observe: Observe = (action, step, record, act) => {
    const begin = this.clock.now();
    let failed = 1;
    try {
      const result = act();
      failed = 0;
      return result;
    } finally {
      const ms = this.clock.now() - begin;
      pushBounded(this.records, record);
      if (action !== "wait" || ms >= shortestWait) this.note(step, action, ms, failed);
    }
  };

  private note(step: string, action: Action, ms: number, failed: number): void {
    const name = `${action} ${step}`;
    const known = this.known.get(name);
    if (known !== undefined) {
      known.ms += ms;
      known.times = (known.times ?? 1) + 1;
      if (failed > 0) known.failed = (known.failed ?? 0) + failed;
    } else if (this.known.size < most) {
      this.known.set(name, failed > 0 ? { step, action, ms, failed } : { step, action, ms });
    }
  }
}

/** Adds a value to a list, unless it is undefined, the same as the last value, or the list is full. */
export function pushBounded<T>(list: T[], value: T | undefined): void {
  if (value !== undefined && value !== list[list.length - 1] && list.length < most) list.push(value);
}
