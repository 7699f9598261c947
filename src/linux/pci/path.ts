import { isFileName } from "../../node/pci-functions.ts";

/**
 * Returns the sysfs directory of a PCI driver.
 * @throws {RangeError} if the driver's name is not a file name.
 */
export function driverDirectory(driver: string): string {
  return `/sys/bus/pci/drivers/${fileName(driver)}`;
}

/**
 * Returns the name unchanged if it is the name of one file.
 * @throws {RangeError} if it is not.
 */
export function fileName(name: string): string {
  if (isFileName(name)) return name;
  throw new RangeError(`"${name}" is not a file name`);
}

/**
 * Returns the routing ID of a PCI address: bus, device and function as one number of 16 bits, without the domain (PCI
 * Express Base Specification, 2.2.4.2).
 */
export function routingId(pci: string): number {
  const hex = (start: number, end?: number) => Number.parseInt(pci.slice(start, end), 16);
  return hex(-7, -5) * 256 + hex(-4, -2) * 8 + hex(-1);
}
