import { TimeoutError } from "../../node/clock.ts";
import type { Watch } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";

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

/** Time limit for udev to rename a new device, ms (22 to 58 ms were measured). */
export const udevTimeout = 2000;

/**
 * Reports whether udev runs and renames devices, by its control socket (systemd's src/udev/udev-ctrl.c). In a container
 * with the host's processes and without the host's /run, such as a DRA driver's, the socket is below the root of
 * process 1.
 */
export function isUdevRunning({ files }: Node): boolean {
  return files.exists("/run/udev/control") || files.exists("/proc/1/root/run/udev/control");
}
