import type { Watch } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import { waitFor } from "./wait-for.ts";

/** Time limit for udev to rename a new device if it handles no events, ms (22 to 58 ms were measured). */
const idleTime = 2000;
/** Time limit for udev to rename a new device while it handles events, ms. */
const busyTime = 20_000;
/** How often the plugin looks whether udev still handles events, ms. */
const recheckTime = 250;

/**
 * Waits until `look`, which recognizes the names that udev gives, returns a value. Without a result the caller may
 * rename the devices: udev does not rename them, or is not running.
 *
 * The caller must not rename a device while udev handles the device's event. rdma-core's rdma_rename reads a device
 * through paths that contain its name, and renames it by its index. If another process renames the device in between,
 * rdma_rename reads only a part of what it needs, and gives the name ibp1s0 instead of ibp1s0f0v0; or it reads another
 * VF, whose device now has the old name. On a busy node udev can take seconds for an event.
 * @param watch must have been opened before the renaming can happen.
 */
export function waitForUdev<T>(
  node: Node,
  watch: Watch,
  deadline: number,
  look: () => T | undefined,
): T | undefined {
  const start = node.clock.now();
  const end = Math.min(start + busyTime, deadline);
  let seen = waitFor(watch, Math.min(start + idleTime, end), look);
  while (seen === undefined && node.clock.now() < end && isUdevBusy(node)) {
    seen = waitFor(watch, Math.min(node.clock.now() + recheckTime, end), look);
  }
  return seen;
}

/** Reports whether udev runs and renames devices, by its control socket (systemd's src/udev/udev-ctrl.c). */
export function isUdevRunning(node: Node): boolean {
  return exists(node, "/run/udev/control");
}

/** Reports whether udev handles events, by a file that exists during that time (systemd's src/udev/udev-manager.c). */
function isUdevBusy(node: Node): boolean {
  return exists(node, "/run/udev/queue");
}

/**
 * Reports whether a path of the host exists. In a container with the host's processes and without the host's /run, such
 * as a DRA driver's, it is below the root of process 1.
 */
function exists({ files }: Node, path: string): boolean {
  return files.exists(path) || files.exists(`/proc/1/root${path}`);
}
