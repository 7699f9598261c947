/** The clocks of the node, and signals that end a call early. */
export interface Clock {
  /** Returns the time of the monotonic clock, ms. Deadlines are points on this clock. */
  now(): number;
  /** Returns the wall-clock time, ms since 1970. */
  wall(): number;
  /** Returns the ID of the machine's current boot: /proc/sys/kernel/random/boot_id. */
  bootId(): string;
  /** Returns the time of the machine's boot by the present wall clock: ms since 1970, rounded to seconds. */
  bootTime(): number;
  /** The process ID of this process. */
  readonly pid: number;
  /**
   * Checks for signals; called between steps.
   * @throws {InterruptedError} if a signal has asked this process to stop.
   */
  checkInterrupted(): void;
  /** Makes later waits ignore signals, so that a rollback can finish. Deadlines still apply. */
  ignoreInterrupts(): void;
  /** Ends the effect of {@link ignoreInterrupts}. A signal that came in the meantime counts. */
  heedInterrupts(): void;
}

/** A wait reached its deadline. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** A signal (SIGTERM, SIGINT, SIGHUP) asked this process to stop. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}
