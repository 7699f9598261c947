import { pendingSignal } from "host";
import { InterruptedError, TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";

/** What all waits of this process have in common: whether a signal ends them. */
export class Waits {
  private deaf = false;

  /** From now on no signal ends a wait. */
  ignoreSignals(): void {
    this.deaf = true;
  }

  /** The signal that came, as long as signals matter. */
  signal(): string | undefined {
    return this.deaf ? undefined : pendingSignal();
  }

  /**
   * Runs a call that waits until a deadline of its own.
   * @param what what it waits for, for the error, e.g. "the lock /var/lib/…".
   * @throws {TimeoutError} where it reached its deadline (ETIMEDOUT).
   * @throws {InterruptedError} where a signal came (EINTR), unless signals are ignored.
   */
  retryUntilDeadline<T>(what: string, call: () => T): T {
    for (;;) {
      try {
        return call();
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ETIMEDOUT") throw new TimeoutError(`waited for ${what} in vain`, { cause: error });
        if (errno !== "EINTR") throw error;
        if (this.deaf) continue;
        throw new InterruptedError(`${pendingSignal() ?? "a signal"} ended the wait for ${what}`, {
          cause: error,
        });
      }
    }
  }
}
