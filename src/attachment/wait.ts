import { TimeoutError } from "../node/clock.ts";
import type { Watch } from "../node/links.ts";

/**
 * Looks until there is something to see, sleeping between looks until something changes. The watch must be
 * older than the change that is waited for.
 * @returns what `look` returned, undefined where the deadline (on the node's clock) came first.
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
