import type { Watch } from "../../../src/node/links.ts";
import type { Namespace } from "../../../src/node/namespaces.ts";
import type * as node from "../../../src/node/rdma-devices.ts";
import type { Machine } from "./machine.ts";
import { type Netns, netnsOf } from "./netns.ts";
import type { Process } from "./process.ts";
import { Refusal } from "./refusal.ts";

/** An RDMA device, which a driver registers for a function. */
export class RdmaDevice {
  /** The numbers of /dev/infiniband/uverbsN and umadN. */
  uverbs = 0;
  umad = 0;
  /** Whether it is moving from one namespace to another, and in neither of them. */
  isMoving = false;
  /** The owners of its queue pairs. */
  queuePairs: node.RdmaOwner[] = [];
  /** The number of contexts that processes have open. */
  contexts = 0;
  adaptiveModeration = false;
  /** Whether ib_uverbs and ib_umad were loaded when it appeared. */
  hasFiles = true;

  constructor(
    readonly index: number,
    readonly pci: string,
    public name: string,
    /** Its namespace; meaningless in shared mode. */
    public where: Netns,
  ) {}

  get files(): string[] {
    return this.isMoving || !this.hasFiles ? [] : [`uverbs${this.uverbs}`, `umad${this.umad}`];
  }

  /** Ends the objects of processes, as a move and a removal of the device do. */
  endObjects(): void {
    this.queuePairs = this.queuePairs.filter(({ module }) => module !== undefined);
    this.contexts = 0;
  }
}

/** The RDMA subsystem: devices, their names, numbers and namespaces. */
export class Rdma {
  /** Whether each device belongs to one namespace. */
  exclusive = false;
  /** Whether IPoIB creates a netdev in the namespace of its RDMA device, as since Linux 6.17, or in the initial one. */
  ipoibFollows = false;
  /** Whether ib_uverbs and ib_umad are loaded, which create files below /dev/infiniband for new devices. */
  hasFiles = true;
  /** Whether the kernel shows its own objects (protection domains) to this process. */
  showsKernelObjects = true;
  /** Counts the events that a watch of devices gets. */
  changes = 0;
  readonly #devices = new Set<RdmaDevice>();
  #lastIndex = 0;

  /** Registers a device, with the lowest free name and the lowest free numbers, as the kernel does. */
  register(pci: string, where: Netns): RdmaDevice {
    const name = `mlx5_${lowestFree((number) => this.named(`mlx5_${number}`) !== undefined)}`;
    const device = new RdmaDevice(this.#lastIndex++, pci, name, where);
    device.hasFiles = this.hasFiles;
    this.#number(device);
    return device;
  }

  unregister(device: RdmaDevice): void {
    device.endObjects();
    this.#devices.delete(device);
    this.changes++;
  }

  named(name: string): RdmaDevice | undefined {
    return [...this.#devices].find((device) => device.name === name);
  }

  /** Returns the devices that are visible in a namespace. */
  in(where: Netns): RdmaDevice[] {
    return [...this.#devices].filter((device) => this.isIn(device, where));
  }

  /** Reports whether a device is visible in a namespace. In shared mode every device is in every namespace. */
  isIn(device: RdmaDevice, where: Netns): boolean {
    return !device.isMoving && (!this.exclusive || device.where === where);
  }

  /** @throws {Refusal} EINVAL if the namespace has no such device. */
  require(where: Netns, index: number, what: string): RdmaDevice {
    const device = this.in(where).find((each) => each.index === index);
    if (device === undefined) throw new Refusal("EINVAL", what);
    return device;
  }

  /**
   * Moves a device. The kernel removes its files and creates new ones, so that it can get lower numbers that became
   * free.
   */
  move(device: RdmaDevice, to: Netns): void {
    this.#devices.delete(device);
    device.endObjects();
    device.where = to;
    device.isMoving = false;
    this.#number(device);
  }

  rename(device: RdmaDevice, name: string): void {
    if (device.name === name) return;
    if (this.named(name) !== undefined) throw new Refusal("EEXIST", `name ${name}`);
    device.name = name;
    this.changes++;
  }

  #number(device: RdmaDevice): void {
    const others = [...this.#devices];
    device.uverbs = lowestFree((number) => others.some((each) => each.uverbs === number));
    device.umad = lowestFree((number) => others.some((each) => each.umad === number));
    this.#devices.add(device);
    this.changes++;
  }
}

function lowestFree(isTaken: (number: number) => boolean): number {
  let number = 0;
  while (isTaken(number)) number++;
  return number;
}

/** The RDMA devices of a machine, as RDMA netlink shows them to a process. */
export class ModelRdmaDevices implements node.RdmaDevices {
  readonly #rdma: Rdma;

  constructor(
    private readonly machine: Machine,
    private readonly process: Process,
  ) {
    this.#rdma = machine.bus.rdma;
  }

  isExclusive(): boolean {
    return this.#rdma.exclusive;
  }

  devices(where: Namespace): node.RdmaDevice[] {
    return this.#rdma.in(netnsOf(where)).map(({ index, name, pci, adaptiveModeration }) => ({
      index,
      name,
      nodeGuid: this.machine.bus.vfs.get(pci)?.probed?.nodeGuid,
      adaptiveModeration,
    }));
  }

  ipoibUse(where: Namespace, index: number): node.IpoibUse | undefined {
    const { bus } = this.machine;
    const device = this.#rdma.in(netnsOf(where)).find((each) => each.index === index);
    if (device === undefined || !this.#rdma.showsKernelObjects) return undefined;
    const isFirst = bus.vfs.get(device.pci)?.probed?.devices[0] === device;
    return { device: device.name, netdevs: isFirst ? bus.netdevsOf(device.pci) : 0 };
  }

  contexts(where: Namespace, index: number): number | undefined {
    return this.#rdma.in(netnsOf(where)).find((each) => each.index === index)?.contexts;
  }

  queuePairs(where: Namespace, index: number): readonly node.RdmaOwner[] {
    const device = this.#rdma.in(netnsOf(where)).find((each) => each.index === index);
    const isVisible = ({ module }: node.RdmaOwner) =>
      module === undefined ? this.machine.showsProcesses : this.#rdma.showsKernelObjects;
    return device?.queuePairs.filter(isVisible) ?? [];
  }

  move(from: Namespace, index: number, to: Namespace): void {
    this.machine.bus.moveRdma(netnsOf(from), index, netnsOf(to));
  }

  rename(where: Namespace, index: number, name: string): void {
    this.#rdma.rename(this.#rdma.require(netnsOf(where), index, `rename ${index}`), name);
  }

  setAdaptiveModeration(where: Namespace, index: number, isOn: boolean): void {
    this.#rdma.require(netnsOf(where), index, `moderate ${index}`).adaptiveModeration = isOn;
  }

  watch(): Watch {
    return this.process.watch("devices", () => this.#rdma.changes);
  }
}
