import { parsePciAddress } from "../../node/pci-address.ts";
import { linkIn } from "../sysfs.ts";
import { lastPart, parentOf } from "./path.ts";

/** Links to all PCI functions. */
export const PCI_DEVICES = "/sys/bus/pci/devices";
const PARENT = "../";

/**
 * Where functions are, as far as it was learnt. None moves while it is there, and one that comes to its address after it
 * is at its place too: who must tell them apart looks at the inode.
 */
const known = new Map<string, string>();

/**
 * The sysfs directory of a PCI function: where its link in /sys/bus/pci/devices leads to. Through that link the kernel
 * takes twice as long to find a file, and a call looks at some thirty. Of a function that is not there it is the link
 * itself.
 * @throws {RangeError} where that is no PCI address in the kernel's spelling ("0000:03:00.2"): it must not become a path.
 */
export function pciSysfsDirectory(pci: string): string {
  const directory = known.get(pci);
  if (directory !== undefined) return directory;
  requirePciAddress(pci);
  const link = `${PCI_DEVICES}/${pci}`;
  return pciAddressOfLink(link) === undefined ? link : (known.get(pci) ?? link);
}

/** @throws {RangeError} where that is no PCI address in the kernel's spelling. */
export function requirePciAddress(pci: string): void {
  if (parsePciAddress(pci) !== pci) throw new RangeError(`"${pci}" is no PCI address`);
}

/**
 * The PCI address of the function that a link leads to; undefined where there is no such link. Where that is, is learnt
 * on the way.
 */
export function pciAddressOfLink(link: string): string | undefined {
  let target = linkIn(link);
  if (target === undefined) return undefined;
  let directory = parentOf(link);
  while (target.startsWith(PARENT)) {
    directory = parentOf(directory);
    target = target.slice(PARENT.length);
  }
  const pci = lastPart(target);
  known.set(pci, `${directory}/${target}`);
  return pci;
}
