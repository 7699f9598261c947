import type { Guid } from "../infiniband/guid.ts";
import type { Watch } from "./links.ts";
import type { Namespace } from "./namespaces.ts";

/** An RDMA device. */
export interface RdmaDevice {
  /** Its number, which stays over a move and a rename; a rebind makes a device with a new one. */
  readonly index: number;
  /** E.g. "mlx5_1". No other device of the machine has it, in whatever namespace. */
  readonly name: string;
  readonly nodeGuid: Guid | undefined;
}

/** What IPoIB has made of an RDMA device. */
export interface IpoibUse {
  /** Name of the RDMA device. */
  readonly device: string;
  /** How many netdevs it has, in whatever network namespaces: the device's own one, and the pkey children. */
  readonly netdevs: number;
}

/** RDMA devices and the network namespaces that they belong to. */
export interface RdmaDevices {
  /**
   * Does each RDMA device belong to one network namespace ("exclusive")? Otherwise ("shared", the kernel's
   * default) every namespace can use them all, and none can be moved.
   */
  isExclusive(): boolean;
  /** The devices of a namespace, in one list: a system call for every 64. */
  devices(where: Namespace): RdmaDevice[];
  /**
   * What IPoIB has made of the device of a number; `undefined` if the namespace has no such device, or the kernel does not
   * tell (before 4.17; some versions do not tell a process in a PID namespace of its own).
   */
  ipoibUse(where: Namespace, index: number): IpoibUse | undefined;
  /**
   * Moves a device. The kernel takes everything that belongs to it away and makes it anew: its IPoIB netdev,
   * with default attributes (in the host's namespace, or on newer kernels in `to`), and its files below
   * /dev/infiniband, with the lowest free numbers.
   */
  move(from: Namespace, index: number, to: Namespace): void;
  /** Gives a device another name; one that is taken is EEXIST. */
  rename(where: Namespace, index: number, name: string): void;
  /** Wakes when devices of the host come, go, or are renamed. */
  watch(): Watch;
}
