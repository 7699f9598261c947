import type { CliContext } from "../context.ts";

/** Where udev and modprobe look; of two files of one name the first counts (udev(7), modprobe.d(5)). */
const ROOTS = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

/**
 * The files that count, in their order.
 * @param directory below each of the places, e.g. "modprobe.d".
 * @param ending of the names that are looked for.
 * @returns undefined where there is no such directory: we are in a container, say.
 */
export function configurationFiles(
  { node, inventory }: CliContext,
  directory: string,
  ending: string,
): string[] | undefined {
  const directories = ROOTS.map((root) => `${root}/${directory}`).filter((path) => node.files.exists(path));
  if (directories.length === 0) return undefined;
  const files = new Map<string, string>();
  for (const path of directories.reverse()) {
    for (const file of inventory.names(path)) if (file.endsWith(ending)) files.set(file, `${path}/${file}`);
  }
  return [...files.keys()].sort().map((file) => files.get(file) ?? "");
}
