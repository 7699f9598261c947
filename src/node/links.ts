import type { Guid } from "../infiniband/guid.ts";
import type { LinkSettings } from "./link-settings.ts";
import type { Namespace } from "./namespaces.ts";

/** One netdev, as RTM_GETLINK describes it. */
export interface Link {
  /** Valid in the namespace where it was asked for, and only there. */
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  readonly mtu: number;
  /** IFF_UP: the administrator's wish. */
  readonly up: boolean;
  /** IFF_LOWER_UP: there is a carrier. */
  readonly carrier: boolean;
  /** IF_OPER_UP (6) and so on, linux/if.h. */
  readonly operstate: number;
  /** Hardware address, bytes in network order: 20 for IPoIB. */
  readonly address: Uint8Array;
  /** PCI address of the function it belongs to, where the kernel can tell. */
  readonly pci: string | undefined;
  /** Is it a pkey child (or another netdev stacked on one)? Not certain if the lower netdev is in another namespace. */
  readonly child: boolean;
  readonly settings: LinkSettings;
  /** Index of the bond, bridge … that it is a port of; `undefined` if it is a port of none. */
  readonly master: number | undefined;
}

/** Policy of a VF's link, in the spelling of the configuration. */
export type LinkState = "auto" | "enable" | "disable";

/** What a PF says of one of its VFs: administrative values, which need not be in effect. */
export interface VfConfig {
  /** undefined: the kernel cannot tell. */
  readonly linkState: LinkState | undefined;
  /** undefined: the kernel cannot tell; zero: never set. */
  readonly nodeGuid: Guid | undefined;
  readonly portGuid: Guid | undefined;
}

/** One address of an interface. */
export interface InterfaceAddress {
  /** CIDR with host bits kept, e.g. "10.0.0.5/24". */
  readonly cidr: string;
}

/** One route through an interface. Numbers are undefined where the kernel's default shall stand. */
export interface Route {
  /** CIDR. */
  readonly dst: string;
  /** Gateway address; undefined: on link. */
  readonly gw: string | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  /** Default: main (254). */
  readonly table?: number | undefined;
  /** Default: universe (0). */
  readonly scope?: number | undefined;
}

/** An address that the kernel holds, for verification and for duplicate address detection. */
export interface AddressState {
  readonly cidr: string;
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}

/** A route that the kernel holds, for verification. */
export interface RouteState {
  /** CIDR of the network. */
  readonly dst: string;
  /** undefined: on link. */
  readonly gw: string | undefined;
  readonly table: number;
  /** 0: none was given, and the family has no default. */
  readonly priority: number;
}

/** Subscribed to changes from its first wait on, which is over at once: the look after that misses nothing. */
export interface Watch {
  /**
   * Sleeps until something may have changed since the last time (or events were lost, which is the same to the caller).
   * The caller looks anew after each.
   * @throws {TimeoutError} at the deadline.
   */
  wait(deadline: number): void;
  close(): void;
}

/** Netdevs, in any namespace (rtnetlink). */
export interface Links {
  /** undefined: no such netdev in that namespace (alternative names count as names). */
  byName(where: Namespace, name: string): Link | undefined;
  byIndex(where: Namespace, index: number): Link | undefined;
  /**
   * The netdevs of a PCI function in a namespace. In the host's they are found through sysfs, without a
   * walk; elsewhere all IPoIB netdevs of that namespace are looked at.
   */
  ofFunction(where: Namespace, pci: string): Link[];
  /** All IPoIB netdevs of a namespace. The kernel leaves the others out, of which a container can have thousands. */
  ofIpoib(where: Namespace): readonly Link[];
  /** Removes a netdev that was made by software, such as a pkey child. */
  remove(where: Namespace, index: number): void;
  /**
   * The netdev of a PF in the host's namespace, and what it says of a VF, in one question; undefined where it has no
   * netdev there. A reply that the kernel cannot send ("message too long", many VFs) leaves all fields of the VF
   * undefined.
   */
  physical(pf: string, vf: number): { readonly link: Link; readonly vf: VfConfig } | undefined;
  /** Sets what is given, in one send: link state, node GUID, port GUID, each in a message of its own. */
  setVfConfig(pf: number, vf: number, wanted: Partial<VfConfig>): void;
  /**
   * Moves a netdev to another namespace, names it there and changes what else is given, in one request. NOT atomic:
   * after an error (EEXIST, say) the netdev can be in either namespace. Its index there may be another one.
   */
  move(
    from: Namespace,
    index: number,
    to: Namespace,
    name: string,
    wanted?: { readonly mtu?: number; readonly up?: boolean },
  ): void;
  /** Changes what is given, in one send. Renaming needs the link down on kernels before 6.2. */
  set(
    where: Namespace,
    index: number,
    wanted: { readonly name?: string; readonly mtu?: number; readonly up?: boolean },
  ): void;
  /**
   * Sets the MTU of a netdev; if its port does not allow that, the largest MTU that it does. The port's limit cannot be
   * read: IPoIB reports 65,520 in datagram mode as well.
   * @returns the MTU that was set.
   */
  setMtu(where: Namespace, index: number, mtu: number): number;
  /**
   * Gives a netdev other settings, in one send: XDP programs of `now` that `settings` does not have are detached, none
   * is attached, and all other members are set.
   * @param now the settings that it has.
   */
  setSettings(where: Namespace, index: number, now: LinkSettings, settings: LinkSettings): void;
  /**
   * IDs of the tcx programs of a netdev in the host's namespace: they see, and can drop, all that it receives and sends
   * (Linux 6.6 and later). Empty if there is none; undefined if this process may not ask.
   */
  tcxPrograms(index: number): number[] | undefined;
  addAltnames(where: Namespace, index: number, names: readonly string[]): void;
  removeAltnames(where: Namespace, index: number, names: readonly string[]): void;
  /**
   * In one send: arp_notify on, every address (an address that is there already is EEXIST), link up, every
   * route, and an ARP question about each own IPv4 address, from which neighbours learn where it is now: at
   * once where there is a carrier, else after one second or two. What fails does not keep the rest from being
   * done. IPv6 settings (disable_ipv6, ndisc_notify) are the caller's and come before.
   */
  configure(
    where: Namespace,
    index: number,
    addresses: readonly InterfaceAddress[],
    routes: readonly Route[],
  ): void;
  /**
   * The pkey that an IPoIB netdev works in, 16 bits (the kernel sets that of membership in any case); undefined: it is
   * no IPoIB one, or there is none of that index.
   */
  pkey(where: Namespace, index: number): number | undefined;
  addresses(where: Namespace, index: number): AddressState[];
  /** The unicast routes of a family through a netdev, whatever table they are in. */
  routes(where: Namespace, index: number, family: 4 | 6): RouteState[];
  /** Wakes at changes of links (and, with `addresses`, of IPv6 addresses) in a namespace. */
  watch(where: Namespace, what: "links" | "addresses"): Watch;
}
