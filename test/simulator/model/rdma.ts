import type { Netns } from "./netns.ts";
import { Refusal } from "./refusal.ts";

/** An RDMA device: what a driver registers for a function. */
export class RdmaDevice {
  /** The numbers of /dev/infiniband/uverbsN and umadN. */
  uverbs = 0;
  umad = 0;
  /** Is it on its way from one namespace to another, and to be seen in neither? */
  isMoving = false;
  /** Were ib_uverbs and ib_umad loaded when it appeared? */
  hasFiles = true;

  constructor(
    readonly index: number,
    readonly pci: string,
    public name: string,
    /** The namespace that it belongs to; in shared mode this means nothing. */
    public where: Netns,
  ) {}

  get files(): string[] {
    return this.isMoving || !this.hasFiles ? [] : [`uverbs${this.uverbs}`, `umad${this.umad}`];
  }
}

/** The RDMA subsystem: devices, the names and numbers that they get, the namespaces that they belong to. */
export class Rdma {
  /** Does each device belong to one namespace? */
  exclusive = false;
  /** Is an IPoIB netdev made in the namespace of its RDMA device, as since Linux 6.17, or in the initial one? */
  ipoibFollows = false;
  /** Are ib_uverbs and ib_umad loaded, which make files below /dev/infiniband for a device that appears? */
  hasFiles = true;
  /** Does the kernel show its own objects (protection domains) to this process? */
  showsKernelObjects = true;
  /** Counts what a watch of devices sees. */
  changes = 0;
  readonly #devices = new Set<RdmaDevice>();
  #lastIndex = 0;

  /** The kernel takes the lowest name and the lowest numbers that are free. */
  register(pci: string, where: Netns): RdmaDevice {
    const name = `mlx5_${lowestFree((number) => this.named(`mlx5_${number}`) !== undefined)}`;
    const device = new RdmaDevice(this.#lastIndex++, pci, name, where);
    device.hasFiles = this.hasFiles;
    this.#number(device);
    return device;
  }

  unregister(device: RdmaDevice): void {
    this.#devices.delete(device);
    this.changes++;
  }

  named(name: string): RdmaDevice | undefined {
    return [...this.#devices].find((device) => device.name === name);
  }

  /** The devices that can be seen in a namespace. */
  in(where: Netns): RdmaDevice[] {
    return [...this.#devices].filter((device) => this.isIn(device, where));
  }

  /** In shared mode every device is in every namespace. */
  isIn(device: RdmaDevice, where: Netns): boolean {
    return !device.isMoving && (!this.exclusive || device.where === where);
  }

  /** @throws {Refusal} EINVAL where that namespace has no such device (nldev_set_doit; it is in the captured bytes). */
  require(where: Netns, index: number, what: string): RdmaDevice {
    const device = this.in(where).find((each) => each.index === index);
    if (device === undefined) throw new Refusal("EINVAL", what);
    return device;
  }

  /** Its files are taken away, and made anew: others may have become free below their numbers meanwhile. */
  move(device: RdmaDevice, to: Netns): void {
    this.#devices.delete(device);
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
