import type { Node } from "../node/node.ts";

/** How long udev may take to give a device that came anew its name, ms (22 to 58 ms were measured). */
export const udevTime = 2000;

/** Is there a udev that renames devices? Its control socket says so (systemd's src/udev/udev-ctrl.c). */
export function udevRuns(node: Node): boolean {
  return node.files.exists("/run/udev/control");
}
