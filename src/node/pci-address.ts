import { isHex } from "../infiniband/digits.ts";

/**
 * Reads a PCI address: domain, bus, device, function, in any case.
 * @returns it in the kernel's spelling, e.g. "0000:03:00.2"; undefined where the text is none.
 */
export function parsePciAddress(text: string): string | undefined {
  const [domain, bus, rest, ...more] = text.split(":");
  if (domain === undefined || bus === undefined || rest === undefined || more.length > 0) return undefined;
  const [device, fn, ...evenMore] = rest.split(".");
  if (device === undefined || fn === undefined || evenMore.length > 0) return undefined;
  if (domain.length < 4 || domain.length > 8 || bus.length !== 2 || device.length !== 2 || fn.length !== 1) {
    return undefined;
  }
  if (!isHex(domain + bus + device + fn)) return undefined;
  // 5 bits of device and 3 of function: PCI_DEVFN, linux/pci.h.
  if (Number.parseInt(device, 16) > 0x1f || Number.parseInt(fn, 16) > 7) return undefined;
  // The kernel prints a domain with "%04x": longer ones (those of VMD, say) without leading zeros.
  const shortDomain = Number.parseInt(domain, 16).toString(16).padStart(4, "0");
  return `${shortDomain}:${bus}:${device}.${fn}`.toLowerCase();
}
