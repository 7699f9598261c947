import type { Inventory } from "../../../../src/node/inventory.ts";

/** A PCI function of a machine in a test. */
interface PciFunction {
  /** Its directory below /sys/devices. */
  readonly directory: string;
  /** The files in its directory. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Returns an inventory of the functions in a text, as
 *
 *   grep . /sys/bus/pci/devices/*\/{class,vendor,numa_node}
 *
 * shows them, with one function a line: directory, class, vendor, NUMA node, and other files as NAME=TEXT.
 * @param nodes number of the machine's NUMA nodes.
 * @param texts other files, by path.
 */
export function inventoryOf(
  text: string,
  nodes: number,
  texts: Readonly<Record<string, string>> = {},
): Inventory {
  const functions = new Map(text.trim().split("\n").map(functionIn));
  const directoryOf = (pci: string) =>
    `/sys/devices/${functions.get(pci)?.directory ?? `../bus/pci/devices/${pci}`}`;
  return {
    physicalFunctions: () => [],
    virtualFunctions: () => [],
    possibleVfs: () => undefined,
    ports: () => [],
    processesIn: () => new Map(),
    sysfsDirectory: directoryOf,
    text: (path) => {
      const [, pci = "", file = ""] = /([0-9a-f:]+\.[0-7])\/([a-z_/]+)$/.exec(path) ?? [];
      const known = path.startsWith("/sys/bus/pci/devices/") || path === `${directoryOf(pci)}/${file}`;
      return texts[path] ?? (known ? functions.get(pci)?.files[file] : undefined);
    },
    names: (directory) => {
      if (directory === "/sys/bus/pci/devices") return [...functions.keys()].sort();
      if (directory !== "/sys/devices/system/node") return [];
      return ["has_cpu", "possible", ...Array.from({ length: nodes }, (_, i) => `node${i}`)];
    },
  };
}

function functionIn(line: string): [string, PciFunction] {
  const [directory = "", type = "", vendor = "", node = "", ...others] = line.trim().split(/ +/);
  const more = others.map((each) => each.split("="));
  const files = { class: type, vendor, numa_node: node, ...Object.fromEntries(more) };
  return [directory.slice(directory.lastIndexOf("/") + 1), { directory, files }];
}
