import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { VFIO_DRIVER } from "../../../src/node/pci-functions.ts";
import { guid } from "../../support/records.ts";
import { ipoib, ipoibAddress, type Netdev } from "./netdev.ts";
import type { Netns } from "./netns.ts";
import { type PhysicalFunction, type Probed, Vf } from "./pci-functions.ts";
import { Rdma, type RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import type { Timeline } from "./timeline.ts";

/** Time that unbind and a probe take, ms. */
const UNBIND_TIME = 40;
const PROBE_TIME = 120;

/** Time from a port's coming up to the kernel's query of the subnet administrator for its capabilities, ms. */
const QUERY_DELAY = 1_000;
/** Time that the kernel waits for the answer, ms. */
const QUERY_TIME = 3_000;

/** Node and port GUID of the PF. */
export const pfGuid = guid("98:03:9b:03:00:ab:01:00");

/** Inode of the first VF's sysfs directory; each new VF gets the next. */
export const FIRST_INODE = 15_000;

/** A VF that is bound to vfio-pci has no devices. */
const probedByVfio: Probed = { driver: VFIO_DRIVER, nodeGuid: ZERO_GUID, portGuid: ZERO_GUID, devices: [] };

/** The PCI bus: functions, and the drivers that are bound to them. */
export class Bus {
  readonly pfs = new Map<string, PhysicalFunction>();
  readonly vfs = new Map<string, Vf>();
  readonly rdma = new Rdma();
  /** Number of RDMA devices of a function. */
  rdmaDevices = 1;
  /** Time from an RDMA device's appearance to that of its VF's netdev, ms. */
  registrationTime = 0;
  /** Time from the probe to the appearance of a VF's RDMA devices, ms. */
  rdmaTime = 0;
  /** VFs for which IPoIB creates no netdev. */
  readonly withoutNetdev = new Set<string>();
  /** The MTU of the ports of functions that are bound from now on. */
  portMtu = 4096;
  /** Whether the firmware accepts GUIDs without passing them on to the VF. */
  dropsGuids = false;
  /** Functions that sysfs does not show although they exist: "everything" if sysfs is not mounted. */
  hidden: "everything" | readonly string[] = [];
  /** Calls that would never have returned from a real kernel. */
  readonly hangingCalls: string[] = [];
  /** Time until which the work queue of all RDMA devices waits for an answer of the subnet administrator. */
  #queryEnd = 0;
  #inode = FIRST_INODE;
  #queuePair = 0x48;

  /**
   * @param namespaces returns all namespaces.
   * @param appeared is called for each netdev that is registered in the host's namespace.
   * @param registered is called for each RDMA device that appears there.
   */
  constructor(
    private readonly timeline: Timeline,
    private readonly host: Netns,
    private readonly namespaces: () => Iterable<Netns>,
    private readonly appeared: (netdev: Netdev) => void,
    private readonly registered: (device: RdmaDevice) => void,
  ) {}

  /** Adds a PF with its VFs, all bound to the same driver. */
  addPf(pci: string, driver: string, vfs: readonly string[]): void {
    const pf: PhysicalFunction = { pci, driver, vfs: [] };
    this.pfs.set(pci, pf);
    this.host.add(ipoib(pci, ipoibAddress(this.#queuePair++, pfGuid)), "ib%d");
    for (const vf of vfs) this.#makeVf(pf, vf);
  }

  /** Adds a PF that is bound to vfio-pci: it has neither VFs nor devices. */
  addVfioPf(pci: string): void {
    this.pfs.set(pci, { pci, driver: "vfio-pci", vfs: [] });
  }

  /** Writes 0 to sriov_numvfs: removes the VFs and everything of them. Returns their addresses. */
  removeVfs(pf: string): string[] {
    const gone = this.#pf(pf).vfs.splice(0);
    for (const vf of gone) {
      this.#unregister(vf);
      this.vfs.delete(vf.pci);
    }
    return gone.map((vf) => vf.pci);
  }

  /** Writes 0 to sriov_numvfs, and the same number again: new VFs at the same addresses. */
  recreateVfs(pf: string): void {
    for (const pci of this.removeVfs(pf)) this.#makeVf(this.#pf(pf), pci);
  }

  /** @throws {Refusal} ENOENT. */
  vf(pci: string, what: string): Vf {
    const vf = this.vfs.get(pci);
    if (vf === undefined) throw new Refusal("ENOENT", what);
    return vf;
  }

  /** Reports whether sysfs shows the function. */
  shows(pci: string): boolean {
    return this.hidden !== "everything" && !this.hidden.includes(pci);
  }

  driverOf(pci: string): string | undefined {
    return this.pfs.get(pci)?.driver ?? this.vfs.get(pci)?.probed?.driver;
  }

  /** Removes everything of the VF, in whichever namespace it is. */
  unbind(pci: string, driver: string): void {
    const vf = this.vf(pci, `unbind ${pci}`);
    if (vf.probed?.driver !== driver) throw new Refusal("ENODEV", `unbind ${pci} from ${driver}`);
    // vfio-pci waits until the machine closes the VF.
    if (vf.isOpen) this.hangingCalls.push(`unbind ${pci} from ${driver}`);
    this.timeline.pass(Math.max(UNBIND_TIME, this.#queryEnd - this.timeline.now));
    this.#unregister(vf);
  }

  /** Latches the GUIDs, and creates a new netdev on the host, with default settings. */
  bind(pci: string, driver: string): void {
    const vf = this.vf(pci, `bind ${pci}`);
    // vfio-pci has no list of devices: it matches a device only by the override.
    const match = vf.driverOverride ?? this.#pf(vf.pf).driver;
    if (match !== driver) throw new Refusal("ENODEV", `bind ${pci} to ${driver}`);
    if (vf.probed !== undefined) throw new Refusal("EBUSY", `bind ${pci} to ${driver}`);
    this.timeline.pass(PROBE_TIME);
    if (driver === VFIO_DRIVER) vf.probed = probedByVfio;
    else this.#probe(vf, driver);
  }

  /** Sets a VF's driver override to vfio-pci, and unbinds its driver. */
  reserveForVfio(pci: string): void {
    const vf = this.vf(pci, `reserve ${pci}`);
    vf.driverOverride = "vfio-pci";
    this.#unregister(vf);
  }

  /**
   * Reacts to a new link policy of a VF. A query that the kernel sends after the port has gone down again gets no
   * answer.
   */
  linkChanged(vf: Vf): void {
    const { probed } = vf;
    if (vf.linkState === "disable" || probed === undefined || probed.driver === "vfio-pci") return;
    this.timeline.after(QUERY_DELAY, () => {
      if (vf.probed !== probed || vf.linkState !== "disable") return;
      this.#queryEnd = this.timeline.now + QUERY_TIME;
    });
  }

  /** Binds a VF to vfio-pci. */
  bindVfio(pci: string): void {
    this.reserveForVfio(pci);
    this.vf(pci, `bind ${pci}`).probed = probedByVfio;
  }

  /** Removes a VF's netdev permanently. */
  loseNetdev(pci: string): void {
    this.withoutNetdev.add(pci);
    this.#removeNetdevs(pci);
  }

  #probe(vf: Vf, driver: string): void {
    const guids = this.dropsGuids ? this.#latchedBy(vf) : vf;
    const devices: RdmaDevice[] = [];
    const probed = { driver, nodeGuid: guids.adminNodeGuid, portGuid: guids.adminPortGuid, devices };
    vf.probed = probed;
    this.#latched.set(vf, { adminNodeGuid: probed.nodeGuid, adminPortGuid: probed.portGuid });
    // Late devices and netdevs belong to this probe. They must not appear after a later one.
    const later = (time: number, register: () => void) => {
      if (time === 0) register();
      else this.timeline.after(time, () => vf.probed === probed && register());
    };
    later(this.rdmaTime, () => {
      for (let i = 0; i < this.rdmaDevices; i++) devices.push(this.rdma.register(vf.pci, this.host));
      devices.forEach(this.registered);
      later(this.registrationTime, () => this.#addNetdev(vf.pci, probed, this.host));
    });
  }

  /**
   * Moves an RDMA device; its netdev is created again.
   * @throws {Refusal} EINVAL if the device is not in `from`, EOPNOTSUPP in shared mode.
   */
  moveRdma(from: Netns, index: number, to: Netns): void {
    const device = this.rdma.require(from, index, `move RDMA device ${index} of ${from.label}`);
    if (!this.rdma.exclusive) throw new Refusal("EOPNOTSUPP", `move RDMA device ${index}`);
    this.arrive(device, to);
  }

  /** Adds an RDMA device to a namespace. */
  arrive(device: RdmaDevice, to: Netns): void {
    const { probed } = this.vf(device.pci, `move RDMA device ${device.index}`);
    if (probed === undefined) return;
    const hasNetdev = probed.devices[0] === device;
    if (hasNetdev) this.#removeNetdevs(device.pci);
    this.rdma.move(device, to);
    if (to === this.host) this.registered(device);
    if (hasNetdev) this.#addNetdev(device.pci, probed, this.rdma.ipoibFollows ? to : this.host);
  }

  #addNetdev(pci: string, { portGuid }: Probed, where: Netns): void {
    if (this.withoutNetdev.has(pci)) return;
    const netdev = ipoib(pci, ipoibAddress(this.#queuePair++, portGuid), this.portMtu);
    where.add(netdev, "ib%d");
    if (where === this.host) this.appeared(netdev);
  }

  /** The GUIDs that each VF latched at its last probe, for firmware that drops new ones. */
  readonly #latched = new Map<Vf, Pick<Vf, "adminNodeGuid" | "adminPortGuid">>();

  #latchedBy(vf: Vf): Pick<Vf, "adminNodeGuid" | "adminPortGuid"> {
    return this.#latched.get(vf) ?? vf;
  }

  #makeVf(pf: PhysicalFunction, pci: string): void {
    const vf = new Vf(pci, pf.pci, pf.vfs.length, String(this.#inode++));
    pf.vfs.push(vf);
    this.vfs.set(pci, vf);
    this.#probe(vf, pf.driver);
  }

  #unregister(vf: Vf): void {
    for (const device of vf.probed?.devices ?? []) this.rdma.unregister(device);
    vf.probed = undefined;
    this.#removeNetdevs(vf.pci);
  }

  /** Returns the number of netdevs that IPoIB has created for a function, pkey children included. */
  netdevsOf(pci: string): number {
    const all = [...this.namespaces()];
    const own = all.flatMap((each) => each.ofFunction(pci));
    const children = own.flatMap(([, netdev]) => all.flatMap((each) => each.childrenOf(netdev)));
    return own.length + children.length;
  }

  /** Removes the netdevs of the function and their pkey children, in all namespaces. */
  #removeNetdevs(pci: string): void {
    const all = [...this.namespaces()];
    for (const [, netdev] of all.flatMap((each) => each.ofFunction(pci))) {
      for (const each of all) {
        for (const [, child] of each.childrenOf(netdev)) each.remove(child);
        each.remove(netdev);
      }
    }
  }

  #pf(pci: string): PhysicalFunction {
    const pf = this.pfs.get(pci);
    if (pf === undefined) throw new Error(`the model has no PF ${pci}`);
    return pf;
  }
}
