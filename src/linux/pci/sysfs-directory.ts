import { baseName, parentOf } from "../../node/path.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import { linkIn } from "../sysfs.ts";

/** Links to all PCI functions. */
export const PCI_DEVICES = "/sys/bus/pci/devices";
const PARENT = "../";

/**
 * The directories of functions whose links were already read. A function does not move while it exists, and a later
 * function with the same address has the same directory; a caller that must distinguish them compares the inode.
 */
const known = new Map<string, string>();

/**
 * Returns the sysfs directory of a PCI function: the target of its link in /sys/bus/pci/devices. A lookup through the
 * link takes the kernel twice as long, and a call reads some thirty files. If the function does not exist, returns the
 * path of the link.
 * @throws {RangeError} if the text is not a PCI address in the kernel's spelling ("0000:03:00.2"), because other text
 * must not become part of a path.
 */
export function pciSysfsDirectory(pci: string): string {
  const directory = known.get(pci);
  if (directory !== undefined) return directory;
  requirePciAddress(pci);
  const link = `${PCI_DEVICES}/${pci}`;
  return pciAddressOfLink(link) === undefined ? link : (known.get(pci) ?? link);
}

/** @throws {RangeError} if the text is not a PCI address in the kernel's spelling. */
export function requirePciAddress(pci: string): void {
  if (parsePciAddress(pci) !== pci) throw new RangeError(`"${pci}" is not a PCI address`);
}

/**
 * Returns the PCI address of the function that a link leads to; `undefined` if the link does not exist.
 * Remembers the function's directory for {@link pciSysfsDirectory}.
 */
export function pciAddressOfLink(link: string): string | undefined {
  let target = linkIn(link);
  if (target === undefined) return undefined;
  let directory = parentOf(link);
  while (target.startsWith(PARENT)) {
    directory = parentOf(directory);
    target = target.slice(PARENT.length);
  }
  const pci = baseName(target);
  known.set(pci, `${directory}/${target}`);
  return pci;
}
