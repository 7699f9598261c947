import type { Route, RouteState } from "../../../src/ip/route.ts";
import type { LinkSettings } from "../../../src/node/link-settings.ts";
import type {
  AddressState,
  InterfaceAddress,
  Link,
  Links,
  VfConfig,
  Watch,
} from "../../../src/node/links.ts";
import type { Namespace } from "../../../src/node/namespaces.ts";
import { hasSetting, type NetdevTuning, partsOf, tuningEntry } from "../../../src/node/netdev-tuning.ts";
import {
  addAddress,
  addAltnames,
  addRoute,
  detachXdp,
  moveLink,
  removeAltnames,
  removeLink,
  rename,
  setMtu,
  setSettings,
} from "./link-requests.ts";
import type { Machine } from "./machine.ts";
import type { Netdev } from "./netdev.ts";
import { type Netns, netnsOf } from "./netns.ts";
import type { Vf } from "./pci-functions.ts";
import type { Process } from "./process.ts";
import { Refusal } from "./refusal.ts";

/** The settings of ethtool that the model's netdevs have. */
const ETHTOOL_SETTINGS = ["features", "coalesce"];

/** The netdevs of a machine, as rtnetlink shows them to a process. */
export class ModelLinks implements Links {
  constructor(
    private readonly machine: Machine,
    private readonly process: Process,
  ) {}

  byName(where: Namespace, name: string): Link | undefined {
    const netns = netnsOf(where);
    const found = netns.named(name);
    return found && this.machine.describe(netns, found[0]);
  }

  byIndex(where: Namespace, index: number): Link | undefined {
    return this.machine.describe(netnsOf(where), index);
  }

  ofFunction(where: Namespace, pci: string): Link[] {
    return this.#all(netnsOf(where), netnsOf(where).ofFunction(pci));
  }

  ofIpoib(where: Namespace): Link[] {
    return this.#all(netnsOf(where), netnsOf(where).netdevs);
  }

  remove(where: Namespace, index: number): void {
    removeLink(netnsOf(where), index);
  }

  physical(pf: string, vf: number): ReturnType<Links["physical"]> {
    const { host } = this.machine;
    const found = host.ofFunction(pf)[0];
    const link = found && this.machine.describe(host, found[0]);
    const vfs = this.machine.bus.pfs.get(pf)?.vfs ?? [];
    const guids = () => vfs.map(({ index }) => ({ index, ...this.#vfConfig(link?.index ?? 0, index) }));
    return link && { link, vf: this.#vfConfig(link.index, vf), guids };
  }

  /** The model has no traffic. */
  vfTraffic(): [] {
    return [];
  }

  setVfConfig(pf: number, vf: number, { linkState, nodeGuid, portGuid }: Partial<VfConfig>): void {
    const target = this.#vf(pf, vf);
    if (linkState !== undefined && linkState !== target.linkState) {
      target.linkState = linkState;
      this.machine.bus.linkChanged(target);
    }
    if (this.machine.keepsAdminGuids) return;
    target.adminNodeGuid = nodeGuid ?? target.adminNodeGuid;
    target.adminPortGuid = portGuid ?? target.adminPortGuid;
  }

  /** Moves a netdev, which takes it down, so that it can be renamed; within one namespace, it is only renamed. */
  move(
    from: Namespace,
    index: number,
    to: Namespace,
    name: string,
    { mtu, up }: { readonly mtu?: number; readonly up?: boolean } = {},
  ): void {
    const source = netnsOf(from);
    const netdev = source.require(index, `move link ${index}`);
    if (source === netnsOf(to) && netdev.name !== name) this.machine.requireRenamable(netdev);
    const there = moveLink(source, index, netnsOf(to), name, mtu);
    if (up !== undefined) this.set(to, there, { up });
  }

  /**
   * Changes settings. Down goes first, in a separate message; then MTU, name and up, in a message that stops at the
   * first error.
   */
  set(where: Namespace, index: number, { name, mtu, up }: Parameters<Links["set"]>[2]): void {
    const [netns, netdev] = netdevAt(where, index, "set link");
    if (up === false) this.machine.setUp(netns, netdev, false);
    if (mtu !== undefined) setMtu(netns, netdev, mtu);
    if (name !== undefined) {
      this.machine.requireRenamable(netdev);
      rename(netns, netdev, name);
    }
    if (up === true) this.machine.setUp(netns, netdev, true);
  }

  setMtu(where: Namespace, index: number, mtu: number): number {
    const [netns, netdev] = netdevAt(where, index, "set the MTU of link");
    const allowed = Math.min(mtu, netdev.longestMtu);
    setMtu(netns, netdev, allowed);
    return allowed;
  }

  setSettings(where: Namespace, index: number, now: LinkSettings, settings: LinkSettings): void {
    const isLeft = (is: number, was: number) => is === 0 || is === was;
    inOneSend([
      () => setSettings(...netdevAt(where, index, "change the settings of link"), settings),
      () => {
        if (isLeft(now.xdpGeneric, settings.xdpGeneric) && isLeft(now.xdpDriver, settings.xdpDriver)) return;
        detachXdp(...netdevAt(where, index, "detach the XDP program of link"));
      },
    ]);
  }

  tcxPrograms(index: number): number[] {
    return [...this.machine.host.require(index, "look for its tcx programs").tcx];
  }

  tuning(pci: string, { name }: Link, known?: NetdevTuning): NetdevTuning | undefined {
    const isRead = ([setting]: ReturnType<typeof partsOf>) =>
      !ETHTOOL_SETTINGS.includes(setting) || known === undefined || hasSetting(known, setting);
    return this.#ofFunction(pci, name)?.tuning.filter((entry) => isRead(partsOf(entry)));
  }

  setTuning(pci: string, name: string, entry: string): void {
    const netdev = this.#ofFunction(pci, name);
    if (netdev === undefined) throw new Refusal("ENOENT", `tune ${name}`);
    if (netdev.isTuningFixed) throw new Refusal("EOPNOTSUPP", `tune ${name}`);
    const [setting, value] = partsOf(entry);
    const others = netdev.tuning.filter((each) => partsOf(each)[0] !== setting);
    netdev.tuning = [...others, ...tuningEntry(setting, value)];
  }

  addAltnames(where: Namespace, index: number, names: readonly string[]): void {
    addAltnames(...netdevAt(where, index, "add alternative names to link"), names);
  }

  removeAltnames(where: Namespace, index: number, names: readonly string[]): void {
    removeAltnames(...netdevAt(where, index, "remove alternative names of link"), names);
  }

  configure(
    where: Namespace,
    index: number,
    addresses: readonly InterfaceAddress[],
    routes: readonly Route[],
  ): void {
    const [netns, netdev] = netdevAt(where, index, "configure link");
    netdev.settings.set("ipv4/arp_notify", "1");
    // The kernel continues after a request that failed.
    inOneSend([
      ...addresses.map((address) => () => addAddress(netns, netdev, address)),
      () => this.machine.setUp(netns, netdev, true),
      ...routes.map((route) => () => addRoute(netns, netdev, route)),
    ]);
  }

  pkey(where: Namespace, index: number): number | undefined {
    const vf = this.machine.bus.vfs.get(netnsOf(where).at(index)?.kind.pci ?? "");
    // IPoIB takes the pkey from the table, and sets the membership bit.
    return vf && vf.pkey | 0x8000;
  }

  addresses(where: Namespace, index: number): AddressState[] {
    return [...(netnsOf(where).at(index)?.addresses ?? [])];
  }

  routes(where: Namespace, index: number, family: 4 | 6): RouteState[] {
    const routes = netnsOf(where).at(index)?.routes ?? [];
    return routes.filter(({ dst }) => dst.includes(":") === (family === 6)).map(asListed);
  }

  watch(where: Namespace): Watch {
    const netns = netnsOf(where);
    return this.process.watch(netns.label, () => netns.changes);
  }

  #ofFunction(pci: string, name: string): Netdev | undefined {
    return this.machine.host.ofFunction(pci).find(([, netdev]) => netdev.name === name)?.[1];
  }

  #all(netns: Netns, netdevs: Netns["netdevs"]): Link[] {
    return netdevs.flatMap(([index]) => this.machine.describe(netns, index) ?? []);
  }

  /** Returns the PF's settings for a VF, which are `undefined` if the kernel cannot send them. */
  #vfConfig(pf: number, index: number): VfConfig {
    const { linkState, adminNodeGuid, adminPortGuid } = this.#vf(pf, index);
    return this.machine.vfConfigReadable
      ? { linkState, nodeGuid: adminNodeGuid, portGuid: adminPortGuid }
      : UNREADABLE_VF_CONFIG;
  }

  /** Returns the VF with an index at the PF whose netdev has the index `pf` in the host's namespace. */
  #vf(pf: number, index: number): Vf {
    const netdev = this.machine.host.require(pf, `VF ${index} of link ${pf}`);
    const parent = this.machine.bus.pfs.get(netdev.kind.pci ?? "");
    if (parent === undefined) throw new Refusal("EOPNOTSUPP", `VF ${index} of ${netdev.name}`);
    const vf = parent.vfs[index];
    if (vf === undefined) throw new Refusal("EINVAL", `VF ${index} of ${netdev.name}`);
    return vf;
  }
}

/** The settings that a kernel reports if it cannot report any. */
export const UNREADABLE_VF_CONFIG: VfConfig = {
  linkState: undefined,
  nodeGuid: undefined,
  portGuid: undefined,
};

/** @throws {Refusal} ENODEV. */
function netdevAt(where: Namespace, index: number, what: string): [Netns, Netdev] {
  const netns = netnsOf(where);
  return [netns, netns.require(index, `${what} ${index}`)];
}

/** Returns a route as the kernel lists it, with the kernel's defaults. */
function asListed({ dst, gw, table = 254, priority }: Route): RouteState {
  return { dst, gw, table, priority: priority ?? (dst.includes(":") ? 1024 : 0) };
}

/** Makes all requests, even if some fail, and then throws the first error. */
function inOneSend(requests: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const request of requests) {
    try {
      request();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
