import type { Guid } from "../infiniband/guid.ts";
import type { Watch } from "./links.ts";
import type { Namespace } from "./namespaces.ts";

/** An RDMA device. */
export interface RdmaDevice {
  /** Its number. It stays the same when the device is moved or renamed; a rebind creates a device with a new number. */
  readonly index: number;
  /** E.g. "mlx5_1". Unique on the machine, over all namespaces. */
  readonly name: string;
  /** `undefined` if the kernel does not report it. */
  readonly nodeGuid: Guid | undefined;
  /**
   * Whether the kernel adapts how often the device interrupts, for the completion queues of kernel modules that are
   * created from then on. `undefined` if the kernel does not report it (before 5.3).
   */
  readonly adaptiveModeration?: boolean | undefined;
}

/** The netdevs that IPoIB has created for an RDMA device. */
export interface IpoibUse {
  /** Name of the RDMA device. */
  readonly device: string;
  /** Number of netdevs in all network namespaces: the device's own netdev and its pkey children. */
  readonly netdevs: number;
}

/** The owner of an object of an RDMA device: a process, or a kernel module. */
export interface RdmaOwner {
  /**
   * The process, by its number in the PID namespace of this process; `undefined` if a kernel module has the object, or
   * the process has ended (a child can still have the object).
   */
  readonly pid: number | undefined;
  /** The kernel module, e.g. "ib_ipoib". */
  readonly module: string | undefined;
}

/** RDMA devices and the network namespaces that they belong to. */
export interface RdmaDevices {
  /**
   * Reports whether each RDMA device belongs to one network namespace ("exclusive"). In the other mode ("shared", the
   * kernel's default) every namespace can use all devices, and none can be moved.
   */
  isExclusive(): boolean;
  /** Returns the devices of a namespace. This takes one system call for every 64 devices. */
  devices(where: Namespace): RdmaDevice[];
  /**
   * Returns the netdevs that IPoIB has created for a device; `undefined` if the namespace has no device of that number,
   * or the kernel does not report them (before 4.17; some versions do not if the process is in another PID namespace).
   */
  ipoibUse(where: Namespace, index: number): IpoibUse | undefined;
  /**
   * Returns how many contexts processes have open on a device: without a context, a process has no object on it. Counts
   * those of processes in all PID and network namespaces. `undefined` if the namespace has no device of that number, or
   * the kernel does not count contexts (before 5.0).
   */
  contexts(where: Namespace, index: number): number | undefined;
  /**
   * Returns the owners of the queue pairs of a device; none if the namespace has no device of that number. The kernel
   * leaves out those of processes that this process cannot see.
   */
  queuePairs(where: Namespace, index: number): readonly RdmaOwner[];
  /**
   * Moves a device to another namespace. The kernel removes everything that belongs to the device and creates it again:
   * its IPoIB netdev, with default attributes (in the host namespace, or on newer kernels in `to`), and its files below
   * /dev/infiniband, with the lowest free numbers.
   */
  move(from: Namespace, index: number, to: Namespace): void;
  /** Renames a device. Throws EEXIST if the name is taken. */
  rename(where: Namespace, index: number, name: string): void;
  /** Sets {@link RdmaDevice.adaptiveModeration}. */
  setAdaptiveModeration(where: Namespace, index: number, isOn: boolean): void;
  /** Watches devices of the host namespace: their creation, removal and renaming. */
  watch(): Watch;
}
