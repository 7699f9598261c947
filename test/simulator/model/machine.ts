import type { Link } from "../../../src/node/links.ts";
import { Bus } from "./bus.ts";
import type { Program } from "./child.ts";
import { Child } from "./child.ts";
import { FileTree } from "./files.ts";
import { HostLocal } from "./host-local.ts";
import { changeNamespace } from "./link-requests.ts";
import type { Netdev } from "./netdev.ts";
import { Netns } from "./netns.ts";
import type { OpenFile } from "./open-file.ts";
import { Process } from "./process.ts";
import type { RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import { Timeline } from "./timeline.ts";
import { type Naming, Udev } from "./udev.ts";

/** How long after its end the devices of a namespace are back, ms (measured). */
const TEARDOWN_TIME = 200;
/** When an interface has a carrier after it was brought up, ms: the broadcast group must be joined. */
const CARRIER_TIME = 30;
/** How long duplicate address detection takes from there, ms. */
const DAD_TIME = 1_000;

/** A node: all that a plugin can see and change of it. It outlives the plugin's processes. */
export class Machine {
  readonly time = new Timeline();
  readonly host = new Netns("-", "1");
  readonly namespaces = new Set([this.host]);
  /** What stands at the paths of namespaces. */
  readonly paths = new Map<string, Netns>();
  readonly files = new FileTree();
  readonly leases = new HostLocal();
  /** Texts of log files, by path. */
  readonly logs = new Map<string, string>();
  /** What the journal was sent. */
  readonly journal: string[] = [];
  /** By the path of the executable. */
  readonly programs = new Map<string, Program>();
  readonly children: Child[] = [];
  readonly bus: Bus;
  bootId = "53828621-562d-45fe-8cbb-834692aaa2a3";
  /** Can the kernel tell what a PF has on file ("message too long" with many VFs)? */
  vfConfigReadable = true;
  /** Does a PF accept GUIDs for a VF and keep those that it has (`drop_guid` of the virtual HCA)? */
  keepsAdminGuids = false;
  /** Is an address that is given out in use elsewhere? */
  duplicateAddress: string | undefined;
  /** The largest MTU that the broadcast group allows, as is found out with the carrier. */
  groupMtu: number | undefined;
  /** Must a netdev be down to be renamed, as before Linux 6.2? */
  renameNeedsDown = true;
  #udev: Udev | undefined;
  #lastCookie = 1;
  #lastPid = 100;

  constructor() {
    this.host.pins.add("host");
    this.bus = new Bus(
      this.time,
      this.host,
      () => this.namespaces,
      (netdev) => this.#udev?.appeared(netdev),
      (device) => this.#udev?.registered(device),
    );
  }

  /**
   * From now on a udev names what appears, some ms after it did.
   * @param root of the host, as whoever is called sees it: "" or, from a container, that of the host's first process.
   */
  startUdev(delay: number, names: ReadonlyMap<string, Naming>, root: "" | "/proc/1/root"): void {
    this.#udev = new Udev(this.time, this.host, this.bus.rdma, delay, names, this.renameNeedsDown);
    this.files.makeDirectory(`${root}/run/udev`);
    this.files.write(`${root}/run/udev/control`, "");
  }

  addNamespace(path: string): Netns {
    const label = path.slice(path.lastIndexOf("/") + 1);
    const namespace = new Netns(label, String(++this.#lastCookie));
    namespace.pins.add(path);
    this.namespaces.add(namespace);
    this.paths.set(path, namespace);
    return namespace;
  }

  /** `ip netns del`: the path is gone at once, the namespace some time after the last who holds it. */
  deleteNamespace(path: string): void {
    const namespace = this.paths.get(path);
    this.paths.delete(path);
    namespace?.pins.delete(path);
    if (namespace !== undefined) this.#tearDown(namespace);
  }

  startProcess(): Process {
    return new Process(++this.#lastPid);
  }

  /** It exited, or was killed; its children live on. */
  endProcess(process: Process): void {
    for (const namespace of process.end()) this.#tearDown(namespace);
  }

  startChild(path: string, environment: readonly string[], stdin: string, files: readonly OpenFile[]): Child {
    const program = this.programs.get(path);
    if (program === undefined) throw new Error(`the model has no program ${path}`);
    const variables = new Map(environment.map((entry) => cut(entry)));
    const pid = ++this.#lastPid;
    const holder = { pid, pids: [pid], command: path.slice(path.lastIndexOf("/") + 1) };
    const child = new Child(holder, this.time, variables, stdin, files);
    this.children.push(child);
    program(child);
    return child;
  }

  /** As RTM_GETLINK tells of a netdev. */
  describe(where: Netns, index: number): Link | undefined {
    const netdev = where.at(index);
    const { parent } = netdev?.kind ?? {};
    const home = parent && [...this.namespaces].find((each) => each.indexOf(parent) !== undefined);
    const lower = parent && home?.indexOf(parent);
    return netdev?.describe(index, lower, netdev.master && where.indexOf(netdev.master));
  }

  /** Brings a netdev up or down, and its pkey children with it. The carrier, and the end of address detection, come later. */
  setUp(where: Netns, netdev: Netdev, up: boolean): void {
    if (netdev.up === up) return;
    for (const each of this.namespaces)
      for (const [, child] of each.childrenOf(netdev)) this.setUp(each, child, up);
    netdev.up = up;
    netdev.carrier = false;
    where.changes++;
    if (!up) {
      netdev.routes = [];
      return;
    }
    this.time.after(CARRIER_TIME, () => {
      const vf = this.bus.vfs.get(netdev.kind.pci ?? "");
      if (!netdev.up || vf?.linkState === "disable") return;
      netdev.carrier = true;
      netdev.mtu = Math.min(netdev.mtu, this.groupMtu ?? netdev.mtu);
      where.changes++;
      this.time.after(DAD_TIME, () => this.#settleAddresses(where, netdev));
    });
  }

  /** @throws {Refusal} EBUSY where the kernel renames only what is down. */
  requireRenamable(netdev: Netdev): void {
    if (this.renameNeedsDown && netdev.up) throw new Refusal("EBUSY", `rename ${netdev.name}`);
  }

  #settleAddresses(where: Netns, netdev: Netdev): void {
    if (!netdev.carrier) return;
    netdev.addresses = netdev.addresses.map((each) => ({
      ...each,
      tentative: false,
      dadFailed: each.cidr === this.duplicateAddress,
    }));
    where.changes++;
  }

  /**
   * Once nobody holds it, a namespace's netdevs go to the host: under their name, or dev<N> where that is taken.
   * RDMA devices go first, and for a moment they are nowhere.
   */
  #tearDown(namespace: Netns): void {
    if (namespace.pins.size > 0 || !this.namespaces.has(namespace)) return;
    const { rdma } = this.bus;
    const leaving = () => (rdma.exclusive ? rdma.in(namespace) : []);
    let left: RdmaDevice[] = [];
    this.time.after(TEARDOWN_TIME / 2, () => {
      left = leaving();
      for (const device of left) device.isMoving = true;
      rdma.changes++;
    });
    this.time.after(TEARDOWN_TIME, () => {
      for (const device of left) if (device.isMoving) this.bus.arrive(device, this.host);
      for (const [index, netdev] of namespace.netdevs) {
        if (netdev.kind.pci === undefined && netdev.kind.parent === undefined) continue;
        netdev.altnames = netdev.altnames.filter((altname) => this.host.named(altname) === undefined);
        const fallback = this.host.named(`dev${index}`) === undefined ? `dev${index}` : "dev%d";
        changeNamespace(namespace, index, this.host, fallback);
      }
      this.namespaces.delete(namespace);
    });
  }
}

/** "NAME=value". */
function cut(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
