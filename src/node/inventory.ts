/** A port of an RDMA device. */
export interface Port {
  /** Name of the device, e.g. "mlx5_0". */
  readonly device: string;
  /** From 1 on. */
  readonly number: number;
  /** "ACTIVE", "ARMED", "INIT", "DOWN" (InfiniBand Architecture Specification, PortState). */
  readonly state: string;
  /** "LinkUp", "Polling", "Disabled" (PortPhysicalState). */
  readonly physicalState: string;
  /** "InfiniBand", or "Ethernet". */
  readonly linkLayer: string;
  /** Its own local identifier, which a subnet manager gives it; 0: none has. */
  readonly lid: number;
  /** The local identifier of the subnet manager that it knows; 0: none. */
  readonly subnetManager: number;
  /** E.g. "100 Gb/sec (4X EDR)". */
  readonly rate: string;
}

/** What there is on a node. These are walks: a person asks for them, no call of a pod does. */
export interface Inventory {
  /** PCI addresses of the PFs that have an InfiniBand port. */
  physicalFunctions(): string[];
  /** PCI addresses of a PF's VFs, by index. */
  virtualFunctions(pf: string): string[];
  /** How many VFs a PF can have; undefined where its SR-IOV is off. */
  possibleVfs(pf: string): number | undefined;
  /** The ports of a function whose RDMA devices the host can see. */
  ports(pci: string): Port[];
  /** What a file says, without space around it; links are followed. undefined where there is none. */
  text(path: string): string | undefined;
  /** Names in a directory, sorted; empty where there is none. */
  names(directory: string): string[];
}
