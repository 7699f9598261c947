/**
 * The sysfs directory of a PCI driver.
 * @throws {RangeError} where that is no file name.
 */
export function driverDirectory(driver: string): string {
  return `/sys/bus/pci/drivers/${fileName(driver)}`;
}

/**
 * The name itself.
 * @throws {RangeError} where it is more than the name of one file.
 */
export function fileName(name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/")) {
    throw new RangeError(`"${name}" is no file name`);
  }
  return name;
}

/** All before the last part of a path; "" where there is no more than that. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The last part of what a link names, e.g. "mlx5_core". */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Routing id of a PCI address: bus, device and function as one number of 16 bits (PCI Express Base
 * Specification, 2.2.4.2); the domain is no part of it.
 */
export function routingId(pci: string): number {
  const hex = (start: number, end?: number) => Number.parseInt(pci.slice(start, end), 16);
  return hex(-7, -5) * 256 + hex(-4, -2) * 8 + hex(-1);
}
