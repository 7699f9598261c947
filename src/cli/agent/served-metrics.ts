import * as host from "host";
import { type HttpResponse, plainText } from "./http-response.ts";
import type { Task } from "./task.ts";

/** The least time from one start of `ib-sriov metrics` to the next, ms. */
const LEAST_TIME = 1_000;
/** How long the first requests wait for the first metrics, ms. Prometheus waits for 10 s by default. */
const FIRST_TIME = 8_000;

/**
 * The output of `ib-sriov metrics` in memory, so that requests, however many, start no process. The metrics are made after
 * each round, and once in an interval if a round takes longer.
 */
export class ServedMetrics {
  /** The metrics, or why they could not be made; `undefined` before the first are made. */
  private made: Uint8Array | string | undefined;
  /** When the command was started, on the monotonic clock, ms. */
  private began = Number.NEGATIVE_INFINITY;
  /** How many rounds had ended then. */
  private round = 0;

  /**
   * @param task `ib-sriov metrics`.
   * @param interval ms.
   */
  constructor(
    private readonly task: Task,
    private readonly interval: number,
  ) {}

  isRunning(): boolean {
    return this.task.isRunning();
  }

  /** Returns when the metrics are made the next time. @param round how many rounds have ended. */
  nextStart(round: number): number {
    return this.began + Math.max(LEAST_TIME, round === this.round ? this.interval : 0);
  }

  /** Starts the command when it is time, and takes its output when it has ended. It does not wait. */
  advance(round: number): void {
    if (!this.task.isRunning()) {
      if (host.monotonic() < this.nextStart(round)) return;
      this.began = host.monotonic();
      this.round = round;
      this.task.start();
    }
    const outcome = this.task.look();
    if (outcome !== undefined) this.made = outcome.failure ?? host.utf8Encode(outcome.stdout);
  }

  /**
   * Returns the answer to a request, with further metrics.
   * @param requested when the request came, on the monotonic clock, ms.
   * @returns `undefined` while the first metrics are being made.
   */
  response(requested: number, more: string): HttpResponse | undefined {
    if (this.made instanceof Uint8Array) {
      const body = [this.made, host.utf8Encode(more)];
      return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body };
    }
    if (this.made === undefined && host.monotonic() < requested + FIRST_TIME) return undefined;
    return plainText(503, this.made ?? "the first metrics are being made");
  }
}
