import type { Link } from "../../../src/node/links.ts";
import { Bus } from "./bus.ts";
import { FileTree, type OpenFile } from "./files.ts";
import { HostLocal } from "./host-local.ts";
import { changeNamespace } from "./link-requests.ts";
import type { Netdev } from "./netdev.ts";
import { Netns } from "./netns.ts";
import { Child, type OtherProcess, Process, type Program } from "./process.ts";
import type { RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import { Timeline } from "./timeline.ts";
import { type Naming, Udev } from "./udev.ts";

/** Time from a namespace's end to the return of its devices, ms (measured). */
const TEARDOWN_TIME = 200;
/** Time from an interface's coming up to its carrier, ms: it must join the broadcast group. */
const CARRIER_TIME = 30;
/** Time that duplicate address detection takes after that, ms. */
const DAD_TIME = 1_000;

/** A node: everything that the plugin can read and change. It outlasts the plugin's processes. */
export class Machine {
  readonly time = new Timeline();
  readonly host = new Netns("-", "1");
  readonly namespaces = new Set([this.host]);
  /** The namespaces that are mounted at paths. */
  readonly paths = new Map<string, Netns>();
  readonly files = new FileTree();
  readonly leases = new HostLocal();
  /** Texts of log files, by path. */
  readonly logs = new Map<string, string>();
  /** The entries that were sent to the journal. */
  readonly journal: string[] = [];
  /** Programs by the path of the executable. */
  readonly programs = new Map<string, Program>();
  readonly children: Child[] = [];
  readonly others = new Set<OtherProcess>();
  /** Whether the plugin sees the processes of the node: not in a container without hostPID. */
  showsProcesses = true;
  readonly bus: Bus;
  bootId = "53828621-562d-45fe-8cbb-834692aaa2a3";
  /** Whether the kernel can report a PF's settings for its VFs (with many VFs it fails: "message too long"). */
  vfConfigReadable = true;
  /** Whether a PF accepts GUIDs for a VF but keeps the old ones (`drop_guid` of the virtual HCA). */
  keepsAdminGuids = false;
  /** The address that another host uses already. */
  duplicateAddress: string | undefined;
  /** The largest MTU that the broadcast group allows; a netdev learns it when it gets the carrier. */
  groupMtu: number | undefined;
  /** Whether a netdev must be down to be renamed, as before Linux 6.2. */
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
   * Starts a udev, which names new netdevs and RDMA devices some ms after they appear.
   * @param root the host's root directory from the plugin's point of view: "", or in a container that of the host's
   * process 1.
   */
  startUdev(delay: number, names: ReadonlyMap<string, Naming>, root: "" | "/proc/1/root"): void {
    const directory = `${root}/run/udev`;
    this.#udev = new Udev(
      this.files,
      directory,
      this.time,
      this.host,
      this.bus.rdma,
      delay,
      names,
      this.renameNeedsDown,
    );
  }

  addNamespace(path: string): Netns {
    const label = path.slice(path.lastIndexOf("/") + 1);
    const namespace = new Netns(label, String(++this.#lastCookie));
    namespace.pins.add(path);
    this.namespaces.add(namespace);
    this.paths.set(path, namespace);
    return namespace;
  }

  /** `ip netns del`: the path is gone at once, the namespace some time after its last holder. */
  deleteNamespace(path: string): void {
    const namespace = this.paths.get(path);
    this.paths.delete(path);
    namespace?.pins.delete(path);
    if (namespace !== undefined) this.#tearDown(namespace);
  }

  /** Ends a namespace if the process that has closed it was its last holder. */
  endIfUnused(namespace: Netns): void {
    this.#tearDown(namespace);
  }

  startProcess(): Process {
    return new Process(++this.#lastPid, this.time);
  }

  /** Ends a process that has exited or was killed; its children continue. */
  endProcess(process: Process): void {
    for (const namespace of process.end()) this.#tearDown(namespace);
  }

  /** Starts a process of a container or of the host; its threads are in some namespaces. */
  startOther(
    command: string,
    { namespaces = [this.host], files = [] }: Partial<OtherProcess> = {},
  ): OtherProcess {
    const other = { pid: ++this.#lastPid, command, namespaces, files };
    for (const namespace of namespaces) namespace.pins.add(other);
    this.others.add(other);
    return other;
  }

  endOther(other: OtherProcess): void {
    this.others.delete(other);
    for (const namespace of other.namespaces) {
      namespace.pins.delete(other);
      this.#tearDown(namespace);
    }
  }

  /** Returns the processes that the plugin sees. */
  visibleProcesses(): OtherProcess[] {
    return this.showsProcesses ? [...this.others] : [];
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

  /** Returns the link as RTM_GETLINK reports it. */
  describe(where: Netns, index: number): Link | undefined {
    const netdev = where.at(index);
    const { parent } = netdev?.kind ?? {};
    const parentNetns = parent && [...this.namespaces].find((each) => each.indexOf(parent) !== undefined);
    const lower = parent && parentNetns?.indexOf(parent);
    return netdev?.describe(index, lower, netdev.master && where.indexOf(netdev.master));
  }

  /** Brings a netdev and its pkey children up or down. The carrier, and the end of address detection, come later. */
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

  /** @throws {Refusal} EBUSY if the kernel renames only netdevs that are down, and this one is up. */
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
   * When a namespace has no holder any more, its netdevs go to the host: under their names, or dev<N> if the name is
   * taken. RDMA devices go first, and for a moment they are in no namespace.
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

/** Splits "NAME=value". */
function cut(entry: string): [string, string] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
