import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { type PhysicalFunction, type Probed, Vf } from "./functions.ts";
import { ipoib, ipoibAddress, type Netdev } from "./netdev.ts";
import type { Netns } from "./netns.ts";
import { Rdma, type RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import type { Timeline } from "./timeline.ts";

/** How long unbind and a probe take, ms. */
const UNBIND_TIME = 40;
const PROBE_TIME = 120;

/** How long after its port has come up the kernel asks the subnet administrator what it can do, ms. */
const QUESTION_DELAY = 1_000;
/** How long it waits for the answer, ms. */
const QUESTION_TIME = 3_000;

/** Node and port GUID of the PF. */
export const pfGuid = guid("98:03:9b:03:00:ab:01:00");

/** Inode of the first VF's sysfs directory; every VF that is made gets the next. */
export const FIRST_INODE = 15_000;

/** The PCI bus: functions, and the drivers that are bound to them. */
export class Bus {
  readonly pfs = new Map<string, PhysicalFunction>();
  readonly vfs = new Map<string, Vf>();
  readonly rdma = new Rdma();
  /** How many RDMA devices a function has. */
  rdmaDevices = 1;
  /** How long after its RDMA device a VF's netdev appears, ms. */
  registrationTime = 0;
  /** How long after the probe a VF's RDMA devices appear, ms. */
  rdmaTime = 0;
  /** VFs that IPoIB makes no netdev for. */
  readonly withoutNetdev = new Set<string>();
  /** The MTU of the port; one that binds from now on has it. */
  portMtu = 4096;
  /** Does the firmware take GUIDs without ever passing them on to the VF? */
  dropsGuids = false;
  /** What sysfs does not show, although it is there: everything, where it is not mounted. */
  hidden: "everything" | readonly string[] = [];
  /** Calls that a real kernel would never have returned from. */
  readonly endless: string[] = [];
  /** Until when the work queue that all RDMA devices share waits for an answer of the subnet administrator. */
  #isAskingUntil = 0;
  #inode = FIRST_INODE;
  #queuePair = 0x48;

  /**
   * @param namespaces all that there are.
   * @param appeared is told of every netdev that was registered in the host's namespace.
   * @param registered is told of every RDMA device that has appeared there.
   */
  constructor(
    private readonly timeline: Timeline,
    private readonly host: Netns,
    private readonly namespaces: () => Iterable<Netns>,
    private readonly appeared: (netdev: Netdev) => void,
    private readonly registered: (device: RdmaDevice) => void,
  ) {}

  /** Plugs a PF in, with its VFs, all bound to the same driver. */
  addPf(pci: string, driver: string, vfs: readonly string[]): void {
    const pf: PhysicalFunction = { pci, driver, vfs: [] };
    this.pfs.set(pci, pf);
    this.host.add(ipoib(pci, ipoibAddress(this.#queuePair++, pfGuid)), "ib%d");
    for (const vf of vfs) this.#makeVf(pf, vf);
  }

  /** Plugs a PF in that is bound to vfio-pci: it has neither VFs nor devices. */
  addVfioPf(pci: string): void {
    this.pfs.set(pci, { pci, driver: "vfio-pci", vfs: [] });
  }

  /** sriov_numvfs: 0. Nothing of the VFs is left. Returns their addresses. */
  removeVfs(pf: string): string[] {
    const gone = this.#pf(pf).vfs.splice(0);
    for (const vf of gone) {
      this.#unregister(vf);
      this.vfs.delete(vf.pci);
    }
    return gone.map((vf) => vf.pci);
  }

  /** sriov_numvfs: 0, and the same number again: other VFs at the same addresses. */
  makeVfsAnew(pf: string): void {
    for (const pci of this.removeVfs(pf)) this.#makeVf(this.#pf(pf), pci);
  }

  /** @throws {Refusal} ENOENT. */
  vf(pci: string, what: string): Vf {
    const vf = this.vfs.get(pci);
    if (vf === undefined) throw new Refusal("ENOENT", what);
    return vf;
  }

  /** Does sysfs show the function? */
  shows(pci: string): boolean {
    return this.hidden !== "everything" && !this.hidden.includes(pci);
  }

  driverOf(pci: string): string | undefined {
    return this.pfs.get(pci)?.driver ?? this.vfs.get(pci)?.probed?.driver;
  }

  /** Takes everything of the VF away, wherever it is. */
  unbind(pci: string, driver: string): void {
    const vf = this.vf(pci, `unbind ${pci}`);
    if (vf.probed?.driver !== driver) throw new Refusal("ENODEV", `unbind ${pci} from ${driver}`);
    // vfio-pci waits until the machine closes the VF (drivers/vfio/vfio_main.c, vfio_unregister_group_dev).
    if (vf.isOpen) this.endless.push(`unbind ${pci} from ${driver}`);
    this.timeline.pass(Math.max(UNBIND_TIME, this.#isAskingUntil - this.timeline.now));
    this.#unregister(vf);
  }

  /** Latches the GUIDs, and makes a new netdev on the host, with default attributes. */
  bind(pci: string, driver: string): void {
    const vf = this.vf(pci, `bind ${pci}`);
    // vfio-pci has no list of devices: only the override leads it to one (drivers/pci/pci-driver.c, pci_match_device).
    const match = vf.driverOverride ?? this.#pf(vf.pf).driver;
    if (match !== driver) throw new Refusal("ENODEV", `bind ${pci} to ${driver}`);
    if (vf.probed !== undefined) throw new Refusal("EBUSY", `bind ${pci} to ${driver}`);
    this.timeline.pass(PROBE_TIME);
    this.#probe(vf, driver);
  }

  /** Reserves a VF for vfio-pci, and unbinds its driver. */
  reserveForVfio(pci: string): void {
    const vf = this.vf(pci, `reserve ${pci}`);
    vf.driverOverride = "vfio-pci";
    this.#unregister(vf);
  }

  /** The policy of a VF's link was changed. A question that comes after the port was taken down again has no answer. */
  linkChanged(vf: Vf): void {
    const { probed } = vf;
    if (vf.linkState === "disable" || probed === undefined || probed.driver === "vfio-pci") return;
    this.timeline.after(QUESTION_DELAY, () => {
      if (vf.probed !== probed || vf.linkState !== "disable") return;
      this.#isAskingUntil = this.timeline.now + QUESTION_TIME;
    });
  }

  /** Binds a VF to vfio-pci: it has no devices then. */
  bindVfio(pci: string): void {
    this.reserveForVfio(pci);
    const vf = this.vf(pci, `bind ${pci}`);
    vf.probed = { driver: "vfio-pci", nodeGuid: ZERO_GUID, portGuid: ZERO_GUID, devices: [] };
  }

  /** Takes a VF's netdev away, for good. */
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
    // What is late belongs to the probe that made it, and to no later one.
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
   * Moves an RDMA device; its netdev is made anew.
   * @throws {Refusal} EINVAL where it is not there, EOPNOTSUPP in shared mode.
   */
  moveRdma(from: Netns, index: number, to: Netns): void {
    const device = this.rdma.require(from, index, `move RDMA device ${index} of ${from.label}`);
    if (!this.rdma.exclusive) throw new Refusal("EOPNOTSUPP", `move RDMA device ${index}`);
    this.arrive(device, to);
  }

  /** An RDMA device arrives in a namespace. */
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

  /** What each VF latched at its last probe, for firmware that does not go along. */
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

  /** How many netdevs IPoIB has made of a function, pkey children included. */
  netdevsOf(pci: string): number {
    const all = [...this.namespaces()];
    const own = all.flatMap((each) => each.ofFunction(pci));
    const children = own.flatMap(([, netdev]) => all.flatMap((each) => each.childrenOf(netdev)));
    return own.length + children.length;
  }

  /** Those of the function, and their pkey children, wherever they are. */
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
