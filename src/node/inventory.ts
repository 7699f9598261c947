/** A port of an RDMA device. */
export interface Port {
  /** Name of the device, e.g. "mlx5_0". */
  readonly device: string;
  /** Numbers begin at 1. */
  readonly number: number;
  /** "ACTIVE", "ARMED", "INIT", "DOWN" (InfiniBand Architecture Specification, PortState). */
  readonly state: string;
  /** "LinkUp", "Polling", "Disabled" (PortPhysicalState). */
  readonly physicalState: string;
  /** "InfiniBand", or "Ethernet". */
  readonly linkLayer: string;
  /** The port's local identifier, which the subnet manager assigns; 0 if it has not. */
  readonly lid: number;
  /** The local identifier of the port's subnet manager; 0 if the port knows none. */
  readonly subnetManager: number;
  /** E.g. "100 Gb/sec (4X EDR)". */
  readonly rate: string;
}

/** A process in a network namespace. */
export interface NetnsProcess {
  readonly pid: string;
  /** The text of its /proc/<pid>/cgroup, which contains the ID of its container. */
  readonly cgroup: string;
}

/**
 * Lists the devices and the processes of a node. The commands use this; a call of a runtime does not, because it walks
 * over directories.
 */
export interface Inventory {
  /** Returns the PCI addresses of the PFs that have an InfiniBand port. */
  physicalFunctions(): string[];
  /** Returns the PCI addresses of a PF's VFs, by index. */
  virtualFunctions(pf: string): string[];
  /** Returns how many VFs a PF can have; `undefined` if SR-IOV is off. */
  possibleVfs(pf: string): number | undefined;
  /** Returns the ports of a function's RDMA devices that the host can see. */
  ports(pci: string): Port[];
  /**
   * Returns the sysfs directory of a function, whose parents are the bridges above the function, e.g.
   * "/sys/devices/pci0000:17/0000:17:01.0/0000:18:00.0". If the function does not exist, returns a path that does not
   * exist either.
   */
  sysfsDirectory(pci: string): string;
  /**
   * Returns the processes in the network namespaces at some paths, by path; a path that does not exist is left out. It
   * reads the entries of all processes that this process can see.
   */
  processesIn(paths: readonly string[]): ReadonlyMap<string, readonly NetnsProcess[]>;
  /** Returns the text of a file without white space at its end; `undefined` if it does not exist. Links are followed. */
  text(path: string): string | undefined;
  /** Returns the names in a directory, sorted; none if it does not exist. */
  names(directory: string): string[];
}
