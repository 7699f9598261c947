import type { Route } from "../../ip/route.ts";
import { newAddress } from "../../netlink/address.ts";
import type { Connection } from "../../netlink/connection.ts";
import { setArpNotify, setLink } from "../../netlink/link-changes.ts";
import type { Request } from "../../netlink/message.ts";
import { resolveNeighbour } from "../../netlink/neighbour.ts";
import { newRoute } from "../../netlink/route.ts";
import type { InterfaceAddress } from "../../node/links.ts";

/**
 * Gives a netdev its addresses and routes, brings it up, and announces its IPv4 addresses, in one send.
 * @throws {RangeError} before anything is sent, if a text is not an address.
 * @throws {NetlinkError}
 */
export function configureLink(
  rtnetlink: Connection,
  index: number,
  addresses: readonly InterfaceAddress[],
  routes: readonly Route[],
): void {
  const required = [
    setArpNotify(index),
    ...addresses.map(({ cidr }) => newAddress(index, cidr)),
    setLink(index, { up: true }),
    ...routes.map((route) => newRoute(index, route)),
  ];
  const outcomes = rtnetlink.exchange([...required, ...announcements(index, addresses)]);
  // An announcement is optional, and fails if the kernel's ARP table is full.
  for (const { error } of outcomes.slice(0, required.length)) if (error !== undefined) throw error;
}

/**
 * Returns requests that announce the interface's IPv4 addresses to the other hosts of the subnet. Their ARP tables may
 * still contain another queue pair for these addresses.
 *
 * arp_notify does not suffice on IPoIB: the kernel sends its ARP packet as soon as the netdev is up. The packet is
 * dropped, because the carrier comes later, when the broadcast group is joined; and the kernel sends nothing when the
 * carrier comes (measured on Linux 6.12). Resolving the own address sends the same packet, and the kernel repeats it
 * after one second and after two. IPv6 does not need this: its duplicate address detection waits for the carrier, and
 * ndisc_notify waits for duplicate address detection.
 */
function announcements(index: number, addresses: readonly InterfaceAddress[]): Request[] {
  return addresses
    .map(({ cidr }) => cidr.slice(0, cidr.indexOf("/")))
    .filter((address) => !address.includes(":"))
    .map((address) => resolveNeighbour(index, address));
}
