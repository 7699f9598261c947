// The effects of RTM_SETLINK and similar requests on a netdev of Linux 6.12.
import { addressFamily } from "../../../src/ip/address.ts";
import type { Route } from "../../../src/ip/route.ts";
import type { LinkSettings } from "../../../src/node/link-settings.ts";
import type { InterfaceAddress } from "../../../src/node/links.ts";
import type { Netdev } from "./netdev.ts";
import type { Netns } from "./netns.ts";
import { Refusal } from "./refusal.ts";

/** RT_SCOPE_LINK, linux/rtnetlink.h. */
const SCOPE_LINK = 253;

/**
 * Moves a netdev. It keeps its name if the name is free in the new namespace; otherwise it gets the name `fallback`,
 * which can be a pattern. It goes down, keeps its MTU and alternative names, and keeps its index if that is free.
 * @throws {Refusal} EEXIST, without a move, if neither name is free or an alternative name is taken.
 */
export function changeNamespace(from: Netns, index: number, to: Netns, fallback: string): number {
  const netdev = from.require(index, `move link ${index} of ${from.label}`);
  if (from === to) return index;
  const name = to.named(netdev.name) === undefined ? netdev.name : to.nameFor(fallback);
  const clash = netdev.altnames.find((altname) => to.named(altname) !== undefined);
  if (clash !== undefined) throw new Refusal("EEXIST", `move ${netdev.name}: its alternative name ${clash}`);
  netdev.close();
  from.remove(netdev);
  return to.add(netdev, name, index);
}

/**
 * RTM_SETLINK with IFLA_NET_NS_FD and IFLA_IFNAME: moves, sets the MTU, then renames. This is NOT atomic: if the name
 * is taken or the MTU is refused, the netdev is in the new namespace nevertheless, under its old name.
 */
export function moveLink(from: Netns, index: number, to: Netns, name: string, mtu?: number): number {
  const there = changeNamespace(from, index, to, name);
  if (mtu !== undefined) setMtu(to, to.require(there, "set its MTU"), mtu);
  rename(to, to.require(there, "rename"), name);
  return there;
}

/**
 * Renames a netdev.
 * @throws {Refusal} EEXIST if a netdev has that name, including this netdev, as an alternative name.
 */
export function rename(where: Netns, netdev: Netdev, name: string): void {
  if (netdev.name === name) return;
  netdev.name = where.nameFor(name);
  where.changes++;
}

export function setMtu(where: Netns, netdev: Netdev, mtu: number): void {
  if (mtu > netdev.longestMtu || mtu < 68) throw new Refusal("EINVAL", `MTU ${mtu} of ${netdev.name}`);
  netdev.mtu = mtu;
  where.changes++;
}

/**
 * RTM_NEWLINK of a netdev that exists: changes all given settings except XDP programs. The change to datagram mode
 * lowers the MTU.
 */
export function setSettings(where: Netns, netdev: Netdev, settings: LinkSettings): void {
  const { xdpGeneric, xdpDriver, xdpHardware } = netdev.link;
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  netdev.link = { ...netdev.link, ...given, xdpGeneric, xdpDriver, xdpHardware };
  netdev.mtu = Math.min(netdev.mtu, netdev.longestMtu);
  where.changes++;
}

/** @throws {Refusal} EBUSY if a process holds a program by a bpf_link. */
export function detachXdp(where: Netns, netdev: Netdev): void {
  if (netdev.isXdpHeld) throw new Refusal("EBUSY", `detach the XDP program of ${netdev.name}`);
  netdev.link = { ...netdev.link, xdpGeneric: 0, xdpDriver: 0, xdpHardware: 0 };
  where.changes++;
}

/** RTM_DELLINK. @throws {Refusal} EOPNOTSUPP if it is the netdev of a PCI function. */
export function removeLink(where: Netns, index: number): void {
  const netdev = where.require(index, `remove link ${index} of ${where.label}`);
  if (netdev.kind.pci !== undefined) throw new Refusal("EOPNOTSUPP", `remove ${netdev.name}`);
  where.remove(netdev);
}

/** @throws {Refusal} EEXIST at the first name that is taken; the names before it are set then. */
export function addAltnames(where: Netns, netdev: Netdev, names: readonly string[]): void {
  for (const name of names) {
    if (where.named(name) !== undefined) throw new Refusal("EEXIST", `alternative name ${name}`);
    netdev.altnames.push(name);
    where.changes++;
  }
}

/** @throws {Refusal} ENOENT at the first name that the netdev does not have; the names before it are removed then. */
export function removeAltnames(where: Netns, netdev: Netdev, names: readonly string[]): void {
  for (const name of names) {
    if (!netdev.altnames.includes(name)) throw new Refusal("ENOENT", `alternative name ${name}`);
    netdev.altnames = netdev.altnames.filter((each) => each !== name);
    where.changes++;
  }
}

/** @throws {Refusal} EEXIST if the netdev has that address already. */
export function addAddress(where: Netns, netdev: Netdev, { cidr }: InterfaceAddress): void {
  if (netdev.addresses.some((each) => each.cidr === cidr)) throw new Refusal("EEXIST", `address ${cidr}`);
  const isSix = cidr.includes(":");
  if (isSix && netdev.settings.get("ipv6/disable_ipv6") !== "0") {
    throw new Refusal("EACCES", `address ${cidr}: IPv6 is off`);
  }
  netdev.addresses.push({ cidr, tentative: isSix, dadFailed: false });
  where.changes++;
}

/** @throws {Refusal} ENETDOWN if the netdev is down. */
export function addRoute(where: Netns, netdev: Netdev, route: Route): void {
  // IPv6 has no scopes.
  if (route.gw !== undefined && addressFamily(route.dst) === 4 && (route.scope ?? 0) >= SCOPE_LINK)
    throw new Refusal("EINVAL", `Nexthop has invalid scope: route to ${route.dst}`);
  if (!netdev.up) throw new Refusal("ENETDOWN", `route to ${route.dst}`);
  netdev.routes.push(route);
  where.changes++;
}
