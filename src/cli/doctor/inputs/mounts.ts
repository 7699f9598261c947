import type { Inventory } from "../../../node/inventory.ts";
import { shellWord } from "../../run-script.ts";
import type { Remedy } from "../finding.ts";

/** A mounted file system (proc(5), mountinfo). */
interface Mount {
  readonly point: string;
  /** Options of this mount, e.g. "ro". */
  readonly options: readonly string[];
  /** Options of the file system, which all its mounts have in common. */
  readonly superOptions: readonly string[];
}

/** Returns the mount that contains a path: the deepest, and of several the last. */
function mountOf(inventory: Inventory, path: string): Mount {
  let deepest: Mount = { point: "/", options: [], superOptions: [] };
  for (const line of (inventory.text("/proc/self/mountinfo") ?? "").split("\n")) {
    const words = line.split(" ");
    // The kernel writes a blank as \040.
    const point = (words[4] ?? "").replace(/\\(\d{3})/g, (_, code) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const isParent = `${path}/`.startsWith(point === "/" ? point : `${point}/`);
    if (!isParent || point.length < deepest.point.length) continue;
    const [options = [], superOptions = []] = [words[5], words.at(-1)].map((text) => text?.split(","));
    deepest = { point, options, superOptions };
  }
  return deepest;
}

/** Reports whether the mount that contains a path does not permit to execute programs. */
export function isNoexec(inventory: Inventory, path: string): boolean {
  return mountOf(inventory, path).options.includes("noexec");
}

/**
 * Returns the remedy for the mount that contains a path. The kernel makes a damaged file system read-only, which must be
 * checked, not written to.
 */
export function remountRemedy(inventory: Inventory, path: string, option: "rw" | "exec"): Remedy {
  const { point, superOptions } = mountOf(inventory, path);
  const command = `mount -o remount,${option} ${shellWord(point)}`;
  if (option === "rw" && superOptions.includes("ro"))
    return { advice: `if dmesg shows no error of the file system: ${command}` };
  return { command, advice: "until the next boot; see the options of the mount in /etc/fstab" };
}
