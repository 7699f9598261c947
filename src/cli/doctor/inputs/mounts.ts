import { shellWord } from "../../../attachment/shell-word.ts";
import type { Inventory } from "../../../node/inventory.ts";
import type { Remedy } from "../finding.ts";

/** A mounted file system (proc(5), mountinfo). */
interface Mount {
  readonly point: string;
  /** Options of the file system, which all its mounts have in common. */
  readonly superOptions: readonly string[];
}

/** Returns the mount that contains a path: the deepest, and of several the last. */
function mountOf(inventory: Inventory, path: string): Mount {
  let deepest: Mount = { point: "/", superOptions: [] };
  for (const line of (inventory.text("/proc/self/mountinfo") ?? "").split("\n")) {
    const words = line.split(" ");
    // The kernel writes a blank as \040.
    const point = (words[4] ?? "").replace(/\\(\d{3})/g, (_, code) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const isParent = `${path}/`.startsWith(point === "/" ? point : `${point}/`);
    if (!isParent || point.length < deepest.point.length) continue;
    deepest = { point, superOptions: words.at(-1)?.split(",") ?? [] };
  }
  return deepest;
}

/**
 * Returns the remedy that makes the mount with a path writable. The kernel makes a damaged file system read-only, which
 * must be checked, not written to.
 */
export function remountRemedy(inventory: Inventory, path: string): Remedy {
  const { point, superOptions } = mountOf(inventory, path);
  const command = `mount -o remount,rw ${shellWord(point)}`;
  if (superOptions.includes("ro"))
    return { advice: `if dmesg shows no error of the file system: ${command}` };
  return { command, advice: "until the next boot; see the options of the mount in /etc/fstab" };
}
