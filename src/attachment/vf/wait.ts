import { TimeoutError } from "../../node/clock.ts";
import type { Watch } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";

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

/** How long udev may take to give a device that came anew its name, ms (22 to 58 ms were measured). */
export const udevTimeout = 2000;

/**
 * Is there a udev that renames devices? Its control socket says so (systemd's src/udev/udev-ctrl.c). In a container that
 * has not the host's /run, but its processes, as a DRA driver's, the root of the first of these leads there.
 */
export function isUdevRunning({ files }: Node): boolean {
  return files.exists("/run/udev/control") || files.exists("/proc/1/root/run/udev/control");
}
