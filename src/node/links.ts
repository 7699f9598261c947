import type { Guid } from "../infiniband/guid.ts";
import type { Route, RouteState } from "../ip/route.ts";
import type { LinkSettings } from "./link-settings.ts";
import type { Namespace } from "./namespaces.ts";
import type { NetdevTuning } from "./netdev-tuning.ts";

/** One netdev, as RTM_GETLINK describes it. */
export interface Link {
  /** Valid only in the namespace that was queried. */
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  readonly mtu: number;
  /** IFF_UP: the administrative state. */
  readonly up: boolean;
  /** IFF_LOWER_UP: there is a carrier. */
  readonly carrier: boolean;
  /** IF_OPER_UP (6) and so on, linux/if.h. */
  readonly operstate: number;
  /** Hardware address, bytes in network order: 20 for IPoIB. */
  readonly address: Uint8Array;
  /** PCI address of its function; `undefined` if the kernel does not report it. */
  readonly pci: string | undefined;
  /** It is a pkey child, or another netdev on top of one. Not certain if the lower netdev is in another namespace. */
  readonly child: boolean;
  readonly settings: LinkSettings;
  /** Index of the bond, bridge and so on to which it belongs as a port; `undefined` if it belongs to none. */
  readonly master: number | undefined;
  /** How many queues the netdev can have, to send and to receive; `undefined` if the kernel does not report it. */
  readonly queues?: number | undefined;
}

/** Link policy of a VF, in the spelling of the configuration. */
export type LinkState = "auto" | "enable" | "disable";

/** The settings that a PF has of a VF. They are administrative values, and need not be in effect. */
export interface VfConfig {
  /** `undefined` if the kernel does not report it. */
  readonly linkState: LinkState | undefined;
  /** `undefined` if the kernel does not report it; zero if it was never set. */
  readonly nodeGuid: Guid | undefined;
  readonly portGuid: Guid | undefined;
}

/** The GUIDs that a PF has for a VF, as {@link VfConfig} has them. */
export interface VfGuids extends Pick<VfConfig, "nodeGuid" | "portGuid"> {
  /** The VF's index. */
  readonly index: number;
}

/** The traffic of a VF since it was created, as its PF counts it: all its data, RDMA included. */
export interface VfTraffic {
  /** The VF's index. */
  readonly index: number;
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly transmittedBytes: number;
  readonly transmittedPackets: number;
}

/** One address of an interface. */
export interface InterfaceAddress {
  /** CIDR with host bits kept, e.g. "10.0.0.5/24". */
  readonly cidr: string;
}

/** An address that the kernel holds, for verification and for duplicate address detection. */
export interface AddressState {
  readonly cidr: string;
  /** Duplicate address detection (IPv6) has not finished. */
  readonly tentative: boolean;
  /** Duplicate address detection found another host with this address. */
  readonly dadFailed: boolean;
}

/**
 * A subscription to changes. It begins with the first wait, which returns at once, so that a check after that wait
 * misses no change.
 */
export interface Watch {
  /**
   * Waits until something may have changed since the last wait, or events were lost. The caller then checks again.
   * @throws {TimeoutError} at the deadline.
   */
  wait(deadline: number): void;
  close(): void;
}

/** Netdevs, in any namespace (rtnetlink). */
export interface Links {
  /** Returns a netdev by its name or an alternative name; `undefined` if the namespace has no such netdev. */
  byName(where: Namespace, name: string): Link | undefined;
  byIndex(where: Namespace, index: number): Link | undefined;
  /**
   * Returns the netdevs of a PCI function in a namespace. In the host namespace they are found through sysfs, directly;
   * in another namespace this lists all IPoIB netdevs.
   */
  ofFunction(where: Namespace, pci: string): Link[];
  /**
   * Returns all IPoIB netdevs of a namespace. The kernel filters out others, of which a container can have thousands.
   */
  ofIpoib(where: Namespace): readonly Link[];
  /** Removes a netdev that was created by software, such as a pkey child. */
  remove(where: Namespace, index: number): void;
  /**
   * Returns the netdev of a PF in the host namespace, its settings of a VF, and the GUIDs that it has for all its VFs,
   * with one request; `undefined` if the PF has no netdev there. If the PF has many VFs, the kernel cannot send the reply
   * ("message too long"); then all settings are `undefined`, and the list of GUIDs is empty.
   */
  physical(
    pf: string,
    vf: number,
  ): { readonly link: Link; readonly vf: VfConfig; readonly guids: () => readonly VfGuids[] } | undefined;
  /**
   * Returns the traffic of a PF's VFs; none if the driver does not count it, if the PF has no netdev in the host
   * namespace, or if the PF has too many VFs for one reply.
   */
  vfTraffic(pf: string): readonly VfTraffic[];
  /** Sets the given members, in one send: link state, node GUID and port GUID are one message each. */
  setVfConfig(pf: number, vf: number, wanted: Partial<VfConfig>): void;
  /**
   * Moves a netdev to another namespace, renames it, and changes the given settings, in one request. This is NOT
   * atomic: after an error such as EEXIST the netdev can be in either namespace. Its index can change.
   */
  move(
    from: Namespace,
    index: number,
    to: Namespace,
    name: string,
    wanted?: { readonly mtu?: number; readonly up?: boolean },
  ): void;
  /** Changes the given settings, in one send. On kernels before 6.2 a link must be down to be renamed. */
  set(
    where: Namespace,
    index: number,
    wanted: { readonly name?: string; readonly mtu?: number; readonly up?: boolean },
  ): void;
  /**
   * Sets the MTU of a netdev. If the port does not allow that MTU, sets the largest MTU that the port allows. The
   * port's limit cannot be read: IPoIB reports 65,520 in datagram mode as well.
   * @returns the MTU that was set.
   */
  setMtu(where: Namespace, index: number, mtu: number): number;
  /**
   * Changes the settings of a netdev, in one send: XDP programs of `now` that `settings` does not have are detached,
   * none is attached, and all other members are set.
   * @param now the present settings.
   */
  setSettings(where: Namespace, index: number, now: LinkSettings, settings: LinkSettings): void;
  /**
   * Returns the IDs of the tcx programs of a netdev in the host namespace, which see, and can drop, every packet (Linux
   * 6.6 and later). `undefined` if this process may not query them.
   */
  tcxPrograms(index: number): number[] | undefined;
  /**
   * Returns the tuning of a netdev of a PCI function in the host namespace; `undefined` if no netdev has its name any
   * more.
   * @param known an earlier tuning: of the settings of ethtool, only those that it has are read.
   */
  tuning(pci: string, netdev: Link, known?: NetdevTuning): NetdevTuning | undefined;
  /** Sets one setting of a netdev of a PCI function in the host namespace: an entry of its tuning. */
  setTuning(pci: string, netdev: string, entry: string): void;
  addAltnames(where: Namespace, index: number, names: readonly string[]): void;
  removeAltnames(where: Namespace, index: number, names: readonly string[]): void;
  /**
   * Configures a netdev in one send: sets arp_notify, adds every address (EEXIST if it exists), sets the link up, adds
   * every route, and sends an ARP request for each own IPv4 address, from which neighbors learn its new place: at once
   * if there is a carrier, otherwise after one or two seconds. An error in one part does not prevent the others. The
   * caller sets the IPv6 settings (disable_ipv6, ndisc_notify) before.
   */
  configure(
    where: Namespace,
    index: number,
    addresses: readonly InterfaceAddress[],
    routes: readonly Route[],
  ): void;
  /**
   * Returns the pkey of an IPoIB netdev, 16 bits (the kernel always sets the membership bit); `undefined` if there is
   * no IPoIB netdev with that index.
   */
  pkey(where: Namespace, index: number): number | undefined;
  addresses(where: Namespace, index: number): AddressState[];
  /** Returns the unicast routes of a family through a netdev, of all tables. */
  routes(where: Namespace, index: number, family: 4 | 6): RouteState[];
  /** Watches changes of links (and, with `addresses`, of IPv6 addresses) in a namespace. */
  watch(where: Namespace, what: "links" | "addresses"): Watch;
}
