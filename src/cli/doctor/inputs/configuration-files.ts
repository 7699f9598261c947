import type { CliContext } from "../../context.ts";

/** Directories that udev and modprobe read; of two files with one name the first counts (udev(7), modprobe.d(5)). */
const ROOTS = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

/**
 * Returns the configuration files that count, in their order.
 * @param directory name below each of the roots, e.g. "modprobe.d".
 * @param ending of the file names.
 * @returns `undefined` if no such directory exists, for example in a container.
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
