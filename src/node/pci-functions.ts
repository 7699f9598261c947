import type { Guid } from "../infiniband/guid.ts";
import type { NapiSettings } from "./napi-settings.ts";

/** A Virtual Function as the PCI bus knows it. */
export interface VirtualFunction {
  /** PCI address in the kernel's spelling, e.g. "0000:03:00.2". It is what a VF *is*; names come and go. */
  readonly pci: string;
  /** PCI address of its Physical Function; its own where it is a PF itself, see {@link isPhysical}. */
  readonly pf: string;
  /** The VF's index at its PF, as rtnetlink's IFLA_VF_* want it. */
  readonly index: number;
  /**
   * Changes when the VF is destroyed and made again (`sriov_numvfs`), stays over a rebind of its driver:
   * the inode of its sysfs directory, decimal.
   */
  readonly incarnation: string;
}

/** Is it a PF itself? One that is bound to vfio-pci can be handed out, whole. */
export function isPhysical({ pci, pf }: Pick<VirtualFunction, "pci" | "pf">): boolean {
  return pci === pf;
}

/** The names by which user space finds a function's RDMA devices. */
export interface RdmaNames {
  /** The devices themselves, e.g. "mlx5_1". */
  readonly devices: readonly string[];
  /**
   * Those of their files below /dev/infiniband that have a number each: "uverbs1", and "umad1" where ib_umad is
   * loaded. (An issm has the number of the umad.)
   */
  readonly files: readonly string[];
}

/** PCI functions and the drivers bound to them (sysfs). All of it is seen from the host. */
export interface PciFunctions {
  /**
   * Looks a VF up without walking over its siblings.
   * @throws {PciFunctionError} where there is no such function, or it is not a VF.
   */
  virtualFunction(pci: string): VirtualFunction;
  /** Is it the VF of that index at that PF? It looks at one link. */
  isVirtualOf(vf: Pick<VirtualFunction, "pci" | "pf" | "index">): boolean;
  /** Does sysfs show any PCI function? Not if it is not mounted. A walk over all of them. */
  any(): boolean;
  /** {@link VirtualFunction.incarnation} of any function, undefined where there is none. Cheaper than {@link virtualFunction}. */
  generation(pci: string): string | undefined;
  /** Does the node have any InfiniBand VF? Seen through its RDMA devices: of a PF, or of a VF itself. */
  anyVirtual(): boolean;
  /** Name of the bound driver, undefined where there is none. */
  driver(pci: string): string | undefined;
  /** The one driver that may bind to the function (`driver_override`); `undefined` if any that matches may. */
  driverOverride(pci: string): string | undefined;
  /** Names of the function's netdevs in the host's namespace, pkey children included, unsorted. Empty while they are elsewhere. */
  netdevs(pci: string): string[];
  /** Has the function a netdev, in whatever network namespace? One whose probe was cut short by a kill has none. */
  hasNetdev(pci: string): boolean;
  /** The NAPI settings of a netdev of the function's in the host's namespace; undefined if none has that name (any more). */
  napiSettings(pci: string, netdev: string): NapiSettings | undefined;
  /** Sets what is given of them. */
  setNapiSettings(pci: string, netdev: string, settings: Partial<NapiSettings>): void;
  /** Names of the function's RDMA devices that the host can see. */
  rdmaDevices(pci: string): string[];
  /**
   * Names of the function's RDMA devices, in whatever namespace they are, as the sysfs directories of their
   * uverbs tell them. Empty where ib_uverbs is not loaded, and for a moment while a device is moved.
   */
  rdmaDevicesAnywhere(pci: string): string[];
  /** {@link RdmaNames.files} of the function's devices, in whatever namespace these are. */
  rdmaFiles(pci: string): string[];
  /** Does the host see the function's devices and their files under all of these names? */
  hasRdmaNames(pci: string, names: RdmaNames): boolean;
  /** The effective node GUID of an RDMA device that the host can see; undefined where it vanished meanwhile. */
  nodeGuid(pci: string, rdmaDevice: string): Guid | undefined;
  /**
   * The first entry of the pkey table of an RDMA device's port 1 (a VF has one port), of an RDMA device that the host
   * can see: 15 bits of partition below one of membership; 0 is an empty entry. undefined where it vanished meanwhile.
   */
  firstPKey(pci: string, rdmaDevice: string): number | undefined;
  /** The effective GUID of an RDMA device's port 1, likewise; out of the first of its GIDs. */
  portGuid(pci: string, rdmaDevice: string): Guid | undefined;
  /** The node and port GUIDs of all RDMA devices that the host can see, but for those of one function. A walk. */
  othersGuids(pci: string): Guid[];
  /**
   * Has somebody (a virtual machine) a function open that is bound to vfio-pci? False where it is not bound to that. It
   * opens the function's group for a moment, if nobody has.
   */
  isOpenByVfio(pci: string): boolean;
  /** Writes to `unbind` of the driver. Returns when the driver has let go. */
  unbind(pci: string, driver: string): void;
  /** Writes to `bind` of the driver. Returns when the probe is done; cannot be interrupted. */
  bind(pci: string, driver: string): void;
}

/** Why a PCI address cannot be used as a VF. */
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

/** The driver of VFs that are handed to virtual machines. */
export const VFIO_DRIVER = "vfio-pci";
