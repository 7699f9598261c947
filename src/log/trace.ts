import type { Action, Observe } from "../attachment/limits.ts";
import type { AttachmentRecord } from "../attachment/record/record.ts";
import type { Clock } from "../node/clock.ts";

/** A part of a call, as the log has it. */
export interface StepTrace {
  readonly step: string;
  readonly action: Action;
  /** In all, ms. */
  ms: number;
  /** How often, where that is not once: GC does it for each attachment. */
  times?: number;
  /** How often it failed, if ever. */
  failed?: number;
}

/** How many steps, warnings and attachments are kept. Only a GC of many attachments has more. */
const most = 64;
/** Who waited for less did not wait: the lock was free. ms */
const shortestWait = 1;

/** What one call does, and how long it takes. */
export class Trace {
  readonly warnings: string[] = [];
  /** The attachments that it had to do with; where one took another's place, the present one is the last. */
  readonly records: AttachmentRecord[] = [];
  /** When it began, on the node's clock. */
  readonly begin: number;
  /** Steps by what was done and to what, in their order. */
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

/** Adds to a list what is not its last element anyway, as long as there is room. */
export function pushBounded<T>(list: T[], value: T | undefined): void {
  if (value !== undefined && value !== list[list.length - 1] && list.length < most) list.push(value);
}
