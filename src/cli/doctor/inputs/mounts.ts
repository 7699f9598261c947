import { requireCreatable } from "../../../node/files.ts";
import type { Inventory } from "../../../node/inventory.ts";
import { errnoOf, type Node } from "../../../node/node.ts";
import type { CliContext } from "../../context.ts";
import { shellWord } from "../../run-script.ts";
import type { Remedy } from "../finding.ts";

/** A mounted file system (proc(5), mountinfo). */
interface Mount {
  readonly point: string;
  /** Options of this mount. */
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
    const options = words[5]?.split(",") ?? [];
    deepest = { point, options, superOptions: words.at(-1)?.split(",") ?? [] };
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

/** Returns the command that permits programs in the mount with a path; `undefined` if they are permitted. */
export function execCommand(inventory: Inventory, path: string): string | undefined {
  const { point, options } = mountOf(inventory, path);
  return options.includes("noexec") ? `mount -o remount,exec ${shellWord(point)}` : undefined;
}

/** Reports whether no file can be created at a path, or in the nearest directory above it, because it is mounted read-only. */
export function isReadOnly(node: Node, path: string): boolean {
  try {
    requireCreatable(node.files, path);
    return false;
  } catch (error) {
    return errnoOf(error) === "EROFS";
  }
}

/** Returns the remedy that writes a file in a directory, and before that creates the directory, or makes it writable. */
export function writingRemedy({ node, inventory }: CliContext, directory: string, command: string): Remedy {
  const commands = node.files.exists(directory) ? [command] : [`mkdir -p ${shellWord(directory)}`, command];
  if (!isReadOnly(node, directory)) return { command: commands.join("\n") };
  const { command: remount, advice } = remountRemedy(inventory, directory);
  return remount === undefined
    ? { advice: [advice, ...commands].join("; then: ") }
    : { command: [remount, ...commands].join("\n"), advice };
}
