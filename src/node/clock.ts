/** Time, and what may cut it short. */
export interface Clock {
  /** Monotonic, ms. Deadlines are points on this clock. */
  now(): number;
  /** Since 1970, ms. */
  wall(): number;
  /** The machine's current boot: /proc/sys/kernel/random/boot_id. */
  bootId(): string;
  /** When the machine was booted, ms since 1970, whole seconds; as the wall clock has it now. */
  bootTime(): number;
  /** Our process id. */
  readonly pid: number;
  /** @throws {InterruptedError} where a signal has asked us to stop. Called between steps. */
  checkInterrupted(): void;
  /** From now on signals end no wait any more: what is begun must be put back. Deadlines still hold. */
  ignoreInterrupts(): void;
}

/** A wait reached its deadline. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** A signal (SIGTERM, SIGINT, SIGHUP) asked us to stop. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}
