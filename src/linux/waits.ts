import { pendingSignal } from "host";
import { InterruptedError, TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";

/** The waits of this process, which a signal either ends or does not end. */
export class Waits {
  /** Whether signals end no wait. */
  ignoresSignals = false;

  /** Returns the signal that has arrived; `undefined` if no signal has, or if signals are ignored. */
  signal(): string | undefined {
    return this.ignoresSignals ? undefined : pendingSignal();
  }

  /**
   * Runs a call that waits until its own deadline.
   * @param what text for the error after "waiting for", e.g. "the lock /var/lib/…".
   * @throws {TimeoutError} if the call reached its deadline (ETIMEDOUT).
   * @throws {InterruptedError} if a signal ended the call (EINTR), unless signals are ignored.
   */
  retryUntilDeadline<T>(what: string, call: () => T): T {
    for (;;) {
      try {
        return call();
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ETIMEDOUT") throw new TimeoutError(`timed out waiting for ${what}`, { cause: error });
        if (errno !== "EINTR") throw error;
        if (this.ignoresSignals) continue;
        throw new InterruptedError(`${pendingSignal() ?? "a signal"} ended the wait for ${what}`, {
          cause: error,
        });
      }
    }
  }
}
