import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import {
  type DeviceFile,
  isFileName,
  PciFunctionError,
  type PciFunctions,
  type RdmaNames,
  VFIO_DRIVER,
  type VirtualFunction,
} from "../../../src/node/pci-functions.ts";
import { type Bus, pfGuid } from "./bus.ts";
import type { Machine } from "./machine.ts";
import type { RdmaDevice } from "./rdma.ts";

/** A Physical Function. */
export interface PhysicalFunction {
  readonly pci: string;
  /** The driver of the PF and, at first, of its VFs. */
  readonly driver: string;
  readonly vfs: Vf[];
}

/** The result of a driver's probe of a VF. */
export interface Probed {
  readonly driver: string;
  /** The latched GUIDs. */
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
  /** Its RDMA devices. The first one has the IPoIB netdev. */
  readonly devices: readonly RdmaDevice[];
}

/** A Virtual Function. */
export class Vf {
  /** The GUIDs that are set at its PF. */
  adminNodeGuid = ZERO_GUID;
  adminPortGuid = ZERO_GUID;
  linkState: LinkState = "auto";
  /** The first entry of its port's pkey table. */
  pkey = 0xffff;
  driverOverride: string | undefined;
  /** Whether a virtual machine has the VF open, bound to vfio-pci. */
  isOpen = false;
  /** `undefined` if no driver is bound. */
  probed: Probed | undefined;

  /** @param generation the inode of its sysfs directory. */
  constructor(
    readonly pci: string,
    readonly pf: string,
    readonly index: number,
    readonly generation: string,
  ) {}
}

/** The PCI functions of a machine, as sysfs shows them. */
export class ModelPciFunctions implements PciFunctions {
  readonly #bus: Bus;

  constructor(private readonly machine: Machine) {
    this.#bus = machine.bus;
  }

  virtualFunction(pci: string): VirtualFunction {
    const vf = this.#vf(pci);
    if (vf !== undefined) return { pci, pf: vf.pf, index: vf.index, generation: vf.generation };
    const reason = this.#isPf(pci) ? "not-virtual" : "absent";
    throw new PciFunctionError(reason, pci, `PCI function ${pci} is ${reason}`);
  }

  isVirtualOf({ pci, pf, index }: Pick<VirtualFunction, "pci" | "pf" | "index">): boolean {
    // The PF has a link to each VF, also to a VF whose own link is hidden.
    const vf = this.#bus.shows(pf) ? this.#bus.vfs.get(pci) : undefined;
    return vf?.pf === pf && vf.index === index;
  }

  virtualAt(pf: string, index: number): string | undefined {
    return this.#bus.shows(pf) ? this.#bus.pfs.get(pf)?.vfs[index]?.pci : undefined;
  }

  generation(pci: string): string | undefined {
    return this.#vf(pci)?.generation ?? (this.#isPf(pci) ? "pf" : undefined);
  }

  any(): boolean {
    return this.#bus.hidden !== "everything";
  }

  anyVirtual(): boolean {
    return this.#bus.vfs.size > 0;
  }

  driver(pci: string): string | undefined {
    return this.#bus.shows(pci) ? this.#bus.driverOf(pci) : undefined;
  }

  driverOverride(pci: string): string | undefined {
    return this.#vf(pci)?.driverOverride;
  }

  netdevs(pci: string): string[] {
    return this.machine.host.ofFunction(pci).map(([, netdev]) => netdev.name);
  }

  hasNetdev(pci: string): boolean {
    return [...this.machine.namespaces].some((namespace) => namespace.ofFunction(pci).length > 0);
  }

  rdmaDevices(pci: string): string[] {
    // The model has no RDMA devices of PFs. ADD reads only the GUID of one.
    if (this.#bus.pfs.has(pci)) return ["mlx5_0"];
    return this.#devices(pci)
      .filter((device) => this.#bus.rdma.isIn(device, this.machine.host))
      .map(({ name }) => name)
      .filter(isFileName);
  }

  withRdmaDevice(rdmaDevice: string): string | undefined {
    const functions = [...this.#bus.pfs.keys(), ...this.#bus.vfs.keys()];
    return functions.find((pci) => this.rdmaDevices(pci).includes(rdmaDevice));
  }

  rdmaDevicesAnywhere(pci: string): string[] {
    return this.#devices(pci)
      .filter((device) => !device.isMoving)
      .map(({ name }) => name);
  }

  rdmaFiles(pci: string): string[] {
    return this.#devices(pci).flatMap(({ files }) => files);
  }

  deviceFiles(pci: string): DeviceFile[] {
    const vf = this.#vf(pci);
    if (vf?.probed?.driver === VFIO_DRIVER)
      return [{ path: `/dev/vfio/${vf.index}`, number: `510:${vf.index}` }];
    return this.#devices(pci).flatMap(({ files, uverbs, umad }) =>
      files.map((name) => ({
        path: `/dev/infiniband/${name}`,
        number: name.startsWith("uverbs") ? `231:${192 + uverbs}` : `231:${umad}`,
      })),
    );
  }

  hasRdmaNames(pci: string, names: RdmaNames): boolean {
    const [devices, files] = [this.rdmaDevices(pci), this.rdmaFiles(pci)];
    return (
      names.devices.every((name) => devices.includes(name)) &&
      names.files.every((name) => files.includes(name))
    );
  }

  nodeGuid(pci: string, rdmaDevice: string): Guid | undefined {
    return this.#vfOf(pci, rdmaDevice)?.probed?.nodeGuid;
  }

  portGuid(pci: string, rdmaDevice: string): Guid | undefined {
    if (this.#bus.pfs.has(pci)) return pfGuid;
    return this.#vfOf(pci, rdmaDevice)?.probed?.portGuid;
  }

  firstPKey(pci: string, rdmaDevice: string): number | undefined {
    return this.#vfOf(pci, rdmaDevice)?.pkey;
  }

  othersGuids(pci: string): Guid[] {
    const { pfs, vfs } = this.#bus;
    const otherPfs = [...pfs.values()].filter((pf) => pf.pci !== pci && pf.driver !== VFIO_DRIVER);
    const otherVfs = [...vfs.values()].filter((vf) => vf.pci !== pci);
    return [
      ...otherPfs.map(() => pfGuid),
      ...otherVfs.flatMap(({ probed }) => (probed === undefined ? [] : [probed.nodeGuid, probed.portGuid])),
    ];
  }

  isOpenByVfio(pci: string): boolean {
    return this.#vf(pci)?.isOpen === true;
  }

  unbind(pci: string, driver: string): void {
    this.#bus.unbind(pci, driver);
  }

  bind(pci: string, driver: string): void {
    this.#bus.bind(pci, driver);
  }

  #vf(pci: string): Vf | undefined {
    return this.#bus.shows(pci) ? this.#bus.vfs.get(pci) : undefined;
  }

  #isPf(pci: string): boolean {
    return this.#bus.shows(pci) && this.#bus.pfs.has(pci);
  }

  #devices(pci: string): readonly RdmaDevice[] {
    return this.#vf(pci)?.probed?.devices ?? [];
  }

  /** Returns the VF with an RDMA device that the host can see. */
  #vfOf(pci: string, rdmaDevice: string): Vf | undefined {
    return this.rdmaDevices(pci).includes(rdmaDevice) ? this.#vf(pci) : undefined;
  }
}
