/** Domain, bus, device (5 bits) and function (3 bits: PCI_DEVFN, linux/pci.h). */
const ADDRESS = /^([0-9a-f]{4,8})(:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])$/i;

/**
 * Parses a PCI address: domain, bus, device, function, in upper or lower case.
 * @returns the address in the kernel's spelling, e.g. "0000:03:00.2"; `undefined` if the text is not a PCI address.
 */
export function parsePciAddress(text: string): string | undefined {
  if (!known.has(text)) known.set(text, readPciAddress(text));
  return known.get(text);
}

/** Parsed addresses: a call parses the same two or three addresses many times. */
const known = new Map<string, string | undefined>();

function readPciAddress(text: string): string | undefined {
  const [, domain, rest] = ADDRESS.exec(text) ?? [];
  if (domain === undefined || rest === undefined) return undefined;
  // The kernel prints a domain with "%04x": longer ones, such as those of VMD, have no leading zeros.
  const short = domain.length === 4 ? domain : Number.parseInt(domain, 16).toString(16).padStart(4, "0");
  return `${short}${rest}`.toLowerCase();
}
