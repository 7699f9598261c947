import { type Namespace, NamespaceError, type Namespaces } from "../../../src/node/namespaces.ts";
import type { NodeProcess } from "../../../src/node/processes.ts";
import type { Machine } from "./machine.ts";
import { Netdev } from "./netdev.ts";
import type { Process } from "./process.ts";
import { Refusal } from "./refusal.ts";

/** Longest name of a netdev, bytes (IFNAMSIZ less its NUL). */
const LONGEST_NAME = 15;

/** A network namespace: its netdevs by index, and its holders. */
export class Netns {
  readonly #netdevs = new Map<number, Netdev>();
  #lastIndex = 0;
  /** Counts the events that a watch of links or addresses gets. */
  changes = 0;
  /** Its holders: mounts (by path), open descriptors, processes in it. Without any holder it is torn down. */
  readonly pins = new Set<unknown>();
  /** The settings of a netdev that appears here, see {@link Netdev.settings}. */
  readonly defaults = new Map([
    ["ipv4/arp_notify", "0"],
    ["ipv6/disable_ipv6", "0"],
    ["ipv6/keep_addr_on_down", "0"],
    ["ipv6/ndisc_notify", "0"],
  ]);

  /** @param label its name in snapshots. */
  constructor(
    readonly label: string,
    readonly cookie: string,
  ) {
    const lo = new Netdev({
      pci: undefined,
      address: new Uint8Array(6),
      mtu: 65_536,
      longestMtu: 65_536,
    });
    lo.up = true;
    this.add(lo, "lo");
  }

  /** Indexes and netdevs, in the order in which they were added. */
  get netdevs(): [number, Netdev][] {
    return [...this.#netdevs];
  }

  at(index: number): Netdev | undefined {
    return this.#netdevs.get(index);
  }

  /** @throws {Refusal} ENODEV. */
  require(index: number, what: string): Netdev {
    const netdev = this.#netdevs.get(index);
    if (netdev === undefined) throw new Refusal("ENODEV", what);
    return netdev;
  }

  indexOf(netdev: Netdev): number | undefined {
    return this.netdevs.find(([, each]) => each === netdev)?.[0];
  }

  /** Returns the netdev with a name or alternative name. */
  named(name: string): [number, Netdev] | undefined {
    return this.netdevs.find(([, netdev]) => netdev.name === name || netdev.altnames.includes(name));
  }

  /** Returns the pkey children of a netdev that are here. */
  childrenOf(parent: Netdev): [number, Netdev][] {
    return this.netdevs.filter(([, { kind }]) => kind.parent === parent);
  }

  ofFunction(pci: string): [number, Netdev][] {
    return this.netdevs.filter(([, netdev]) => netdev.kind.pci === pci);
  }

  /** Adds a netdev, with the requested index if that is free. */
  add(netdev: Netdev, name: string, requested = 0): number {
    const index = requested > 0 && !this.#netdevs.has(requested) ? requested : this.#freeIndex();
    netdev.name = this.nameFor(name);
    netdev.settings = new Map(this.defaults);
    this.#netdevs.set(index, netdev);
    this.changes++;
    return index;
  }

  remove(netdev: Netdev): void {
    const index = this.indexOf(netdev);
    if (index === undefined) return;
    this.#netdevs.delete(index);
    this.changes++;
  }

  /**
   * Returns the name for a pattern ("ib%d": the lowest free number), or the name itself.
   * @throws {Refusal} EEXIST if the name is taken, EINVAL if it is not valid.
   */
  nameFor(pattern: string): string {
    if (pattern === "" || pattern.length > LONGEST_NAME) throw new Refusal("EINVAL", `name ${pattern}`);
    if (!pattern.includes("%d")) {
      if (this.named(pattern) !== undefined) throw new Refusal("EEXIST", `name ${pattern}`);
      return pattern;
    }
    for (let number = 0; ; number++) {
      const name = pattern.replace("%d", String(number));
      if (this.named(name) === undefined) return name;
    }
  }

  /** Returns the next index: the kernel reuses an index only after it has counted through all of them. */
  #freeIndex(): number {
    do this.#lastIndex++;
    while (this.#netdevs.has(this.#lastIndex));
    return this.#lastIndex;
  }
}

/** A namespace that a process has open. */
export class OpenNetns implements Namespace {
  constructor(
    readonly path: string,
    readonly netns: Netns,
  ) {}

  get cookie(): string {
    return this.netns.cookie;
  }
}

/** Returns the model's namespace of an open one. */
export function netnsOf(namespace: Namespace): Netns {
  if (namespace instanceof OpenNetns) return namespace.netns;
  throw new TypeError(`namespace ${namespace.path} was opened by another node`);
}

/** The namespaces of a machine, as a process sees them. */
export class ModelNamespaces implements Namespaces {
  readonly host: Namespace;

  constructor(
    private readonly machine: Machine,
    private readonly process: Process,
  ) {
    this.host = new OpenNetns("", machine.host);
  }

  open(path: string): Namespace {
    const netns = this.at(path);
    this.process.pin(netns);
    return new OpenNetns(path, netns);
  }

  close(namespace: Namespace): void {
    this.process.unpin(netnsOf(namespace));
    this.machine.endIfUnused(netnsOf(namespace));
  }

  private at(path: string): Netns {
    const netns = this.machine.paths.get(path);
    if (netns !== undefined) return netns;
    const isThere = this.machine.files.texts.has(path);
    throw new NamespaceError(isThere ? "other" : "gone", path, `no network namespace at "${path}"`);
  }

  processIn(cookie: string): NodeProcess | undefined {
    const isThere = (netns: Netns) => netns.cookie === cookie;
    return this.machine.visibleProcesses().find(({ namespaces }) => namespaces.some(isThere));
  }

  inhabited(namespace: Namespace): boolean {
    return !this.machine.showsProcesses || this.processIn(namespace.cookie) !== undefined;
  }

  setting(namespace: Namespace, key: string): string | undefined {
    const { netdev, name } = settingAt(netnsOf(namespace), key);
    return netdev?.settings.get(name);
  }

  set(namespace: Namespace, key: string, value: string): void {
    const { netdev, name } = settingAt(netnsOf(namespace), key);
    if (netdev === undefined || !netdev.settings.has(name)) throw new Refusal("ENOENT", `write ${key}`);
    netdev.settings.set(name, value);
  }
}

/** Returns the netdev and the setting of a key such as "ipv6/conf/net1/disable_ipv6". */
function settingAt(
  netns: Netns,
  key: string,
): { readonly netdev: Netdev | undefined; readonly name: string } {
  const [family, , name = "", setting] = key.split("/");
  const found = netns.netdevs.find(([, netdev]) => netdev.name === name);
  return { netdev: found?.[1], name: `${family}/${setting}` };
}
