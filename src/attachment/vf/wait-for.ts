import { TimeoutError } from "../../node/clock.ts";
import type { Watch } from "../../node/links.ts";

/**
 * Calls `look` until it returns a value, and sleeps between the calls until the watch reports a change. The watch must
 * have been opened before the expected change can happen.
 * @returns the value that `look` returned; `undefined` if the deadline (on the node's clock) came first.
 */
export function waitFor<T>(watch: Watch, deadline: number, look: () => T | undefined): T | undefined {
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    try {
      watch.wait(deadline);
    } catch (error) {
      if (error instanceof TimeoutError) return undefined;
      throw error;
    }
  }
}
