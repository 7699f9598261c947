import { Netdev } from "./netdev.ts";
import { Refusal } from "./refusal.ts";

/** Longest name of a netdev, bytes (IFNAMSIZ less its NUL). */
const LONGEST_NAME = 15;

/** A network namespace: its netdevs by index, and what keeps it alive. */
export class Netns {
  readonly #netdevs = new Map<number, Netdev>();
  #lastIndex = 0;
  /** Counts what a watch of links or addresses sees. */
  changes = 0;
  /** What holds it: mounts (by path), open descriptors, processes in it. Without any it is torn down. */
  readonly pins = new Set<unknown>();
  /** Does a process live in it? */
  inhabited = false;
  /** What a netdev that appears here has under /proc/sys/net, see {@link Netdev.settings}. */
  readonly defaults = new Map([
    ["ipv4/arp_notify", "0"],
    ["ipv6/disable_ipv6", "0"],
    ["ipv6/keep_addr_on_down", "0"],
    ["ipv6/ndisc_notify", "0"],
  ]);

  /** @param label names it in snapshots. */
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

  /** Index and netdev, in the order in which they came. */
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

  /** By name or alternative name. */
  named(name: string): [number, Netdev] | undefined {
    return this.netdevs.find(([, netdev]) => netdev.name === name || netdev.altnames.includes(name));
  }

  /** The pkey children of a netdev that are here. */
  childrenOf(parent: Netdev): [number, Netdev][] {
    return this.netdevs.filter(([, { kind }]) => kind.parent === parent);
  }

  ofFunction(pci: string): [number, Netdev][] {
    return this.netdevs.filter(([, netdev]) => netdev.kind.pci === pci);
  }

  /** Puts a netdev in, under the wished index if that is free. */
  add(netdev: Netdev, name: string, wished = 0): number {
    const index = wished > 0 && !this.#netdevs.has(wished) ? wished : this.#freeIndex();
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
   * The name that a pattern gives ("ib%d": the lowest free number), or the name itself.
   * @throws {Refusal} EEXIST where it is taken, EINVAL where it is none.
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

  /** The kernel counts on, and takes up what was given back only when it has come round. */
  #freeIndex(): number {
    do this.#lastIndex++;
    while (this.#netdevs.has(this.#lastIndex));
    return this.#lastIndex;
  }
}
