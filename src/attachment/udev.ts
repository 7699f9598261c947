import type { Node } from "../node/node.ts";

/** How long udev may take to give a device that came anew its name, ms (22 to 58 ms were measured). */
export const udevTime = 2000;

/**
 * Is there a udev that renames devices? Its control socket says so (systemd's src/udev/udev-ctrl.c). In a container that
 * has not the host's /run, but its processes, as a DRA driver's, the root of the first of these leads there.
 */
export function udevRuns({ files }: Node): boolean {
  return files.exists("/run/udev/control") || files.exists("/proc/1/root/run/udev/control");
}
