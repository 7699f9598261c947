import type { Guid } from "../infiniband/guid.ts";

/** A Virtual Function, or a PF that is attached as a whole (see {@link isPhysical}), as sysfs describes it. */
export interface VirtualFunction {
  /** PCI address in the kernel's spelling, e.g. "0000:03:00.2". It identifies a VF; names can change. */
  readonly pci: string;
  /** PCI address of its PF; the same as {@link pci} if it is a PF itself. */
  readonly pf: string;
  /** The VF's index at its PF, as rtnetlink's IFLA_VF_* use it. */
  readonly index: number;
  /**
   * The generation: the inode of the VF's sysfs directory, decimal. It changes when the VF is destroyed and created
   * again (`sriov_numvfs`), and stays the same when the VF is rebound.
   */
  readonly generation: string;
}

/** Reports whether a function is a PF. A PF that is bound to vfio-pci can be attached as a whole. */
export function isPhysical({ pci, pf }: Pick<VirtualFunction, "pci" | "pf">): boolean {
  return pci === pf;
}

/** The names under which user space finds a function's RDMA devices. */
export interface RdmaNames {
  /** Names of the devices, e.g. "mlx5_1". */
  readonly devices: readonly string[];
  /**
   * Names of their numbered files below /dev/infiniband: "uverbs1", and "umad1" if ib_umad is loaded. (The issm file
   * has the number of the umad file.)
   */
  readonly files: readonly string[];
}

/** A device file through which processes use a function. */
export interface DeviceFile {
  /** Its usual path, e.g. "/dev/infiniband/uverbs1". A container can have it at another one. */
  readonly path: string;
  /** The kernel's number of it, major and minor: "231:193". */
  readonly number: string;
}

/**
 * Reports whether a name can be part of a path. The kernel accepts any name for an RDMA device, also from a container:
 * "..", "a/b". Sysfs does not show such a device.
 */
export function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/");
}

/** PCI functions and their drivers, from the sysfs of the host. */
export interface PciFunctions {
  /**
   * Returns a VF by its address. The PF's other VFs are not read.
   * @throws {PciFunctionError} if the function does not exist, or is not a VF.
   */
  virtualFunction(pci: string): VirtualFunction;
  /** Reports whether it is the VF of that index at that PF. This reads one link. */
  isVirtualOf(vf: Pick<VirtualFunction, "pci" | "pf" | "index">): boolean;
  /** Returns the PCI address of the VF with an index at a PF; `undefined` if the PF has no such VF. */
  virtualAt(pf: string, index: number): string | undefined;
  /**
   * Reports whether sysfs shows any PCI function: it shows none if it is not mounted. This reads the whole directory.
   */
  any(): boolean;
  /**
   * Returns the generation of any function ({@link VirtualFunction.generation}); `undefined` if the function does not
   * exist. Cheaper than {@link virtualFunction}.
   */
  generation(pci: string): string | undefined;
  /** Reports whether the node has any InfiniBand VF, according to the RDMA devices of PFs and VFs. */
  anyVirtual(): boolean;
  /** Returns the name of the bound driver; `undefined` if no driver is bound. */
  driver(pci: string): string | undefined;
  /** Returns the only driver that may bind (`driver_override`); `undefined` if any driver that matches may. */
  driverOverride(pci: string): string | undefined;
  /** Returns the names of the function's netdevs in the host namespace, with pkey children, unsorted. */
  netdevs(pci: string): string[];
  /**
   * Reports whether the function has a netdev in any network namespace. A kill during the probe can leave it without.
   */
  hasNetdev(pci: string): boolean;
  /** Returns the names of the function's RDMA devices that the host can see; each is a file name ({@link isFileName}). */
  rdmaDevices(pci: string): string[];
  /** Returns the PCI address of the function with an RDMA device; `undefined` if the host cannot see such a device. */
  withRdmaDevice(rdmaDevice: string): string | undefined;
  /**
   * Returns the names of the function's RDMA devices in all namespaces, from the sysfs directories of their uverbs. A
   * name can be any text, such as "..".
   * Empty if ib_uverbs is not loaded, and for a moment while a device is moved.
   */
  rdmaDevicesAnywhere(pci: string): string[];
  /** Returns {@link RdmaNames.files} of the function's devices in all namespaces. */
  rdmaFiles(pci: string): string[];
  /**
   * Returns the device files of a function: uverbs, umad and issm of its RDMA devices in all namespaces, and those of
   * VFIO, its group included.
   */
  deviceFiles(pci: string): DeviceFile[];
  /** Reports whether the host sees the function's devices and their files under all of these names. */
  hasRdmaNames(pci: string, names: RdmaNames): boolean;
  /**
   * Returns the effective node GUID of an RDMA device that the host can see; `undefined` if the device has vanished.
   */
  nodeGuid(pci: string, rdmaDevice: string): Guid | undefined;
  /**
   * Returns the first entry of the pkey table of port 1 (a VF has one port) of an RDMA device that the host can see:
   * the partition in the lower 15 bits, the membership in bit 15; 0 is an empty entry. `undefined` if the device has
   * vanished.
   */
  firstPKey(pci: string, rdmaDevice: string): number | undefined;
  /** Returns the effective GUID of port 1, from its first GID; `undefined` if the device has vanished. */
  portGuid(pci: string, rdmaDevice: string): Guid | undefined;
  /** Returns the node and port GUIDs of all RDMA devices that the host can see, except those of one function. */
  othersGuids(pci: string): Guid[];
  /**
   * Reports whether a process, such as a virtual machine, has opened a function through vfio-pci. False if the function
   * is not bound to vfio-pci. To find out, this opens the function's group for a moment. Also true if this process cannot
   * see the files of groups, because it is in a container.
   */
  isOpenByVfio(pci: string): boolean;
  /** Writes to `unbind` of the driver. Returns when the driver is unbound. */
  unbind(pci: string, driver: string): void;
  /** Writes to `bind` of the driver. Returns when the probe has ended; cannot be interrupted. */
  bind(pci: string, driver: string): void;
}

/** A PCI address cannot be used as a VF. */
export class PciFunctionError extends Error {
  override readonly name = "PciFunctionError";
  constructor(
    readonly reason: "absent" | "not-virtual",
    readonly pci: string,
    message: string,
  ) {
    super(message);
  }
}

/** The driver of VFs that virtual machines use. */
export const VFIO_DRIVER = "vfio-pci";
