import { newAddress } from "../../netlink/address.ts";
import type { Connection } from "../../netlink/connection.ts";
import { setArpNotify, setLink } from "../../netlink/link.ts";
import type { Request } from "../../netlink/message.ts";
import { resolveNeighbour } from "../../netlink/neighbour.ts";
import { newRoute } from "../../netlink/route.ts";
import type { InterfaceAddress, Route } from "../../node/links.ts";

/**
 * Gives a netdev its addresses and routes, brings it up, and tells its neighbours, in one send.
 * @throws {RangeError} before anything is sent, where a text is no address.
 * @throws {NetlinkError}
 */
export function configureLink(
  rtnetlink: Connection,
  index: number,
  addresses: readonly InterfaceAddress[],
  routes: readonly Route[],
): void {
  const wanted = [
    setArpNotify(index),
    ...addresses.map(({ cidr }) => newAddress(index, cidr)),
    setLink(index, { up: true }),
    ...routes.map((route) => newRoute(index, route)),
  ];
  const outcomes = rtnetlink.exchange([...wanted, ...announcements(index, addresses)]);
  // An announcement is a help, and can fail where the table of neighbours is full.
  for (const { error } of outcomes.slice(0, wanted.length)) if (error !== undefined) throw error;
}

/**
 * Lets the neighbours know at once who has our IPv4 addresses now; they may remember another queue pair.
 *
 * arp_notify does not do that on IPoIB: the kernel sends its ARP the moment the netdev comes up, when there
 * is no carrier yet (the broadcast group is joined later), so it is dropped; nothing is sent when the carrier
 * comes (measured on Linux 6.12). Asking who has our own address sends the very same packet, and the kernel
 * repeats it after one second and after two. IPv6 needs none of this: its duplicate address detection waits
 * for the carrier, and ndisc_notify for that.
 */
function announcements(index: number, addresses: readonly InterfaceAddress[]): Request[] {
  return addresses
    .map(({ cidr }) => cidr.slice(0, cidr.indexOf("/")))
    .filter((address) => !address.includes(":"))
    .map((address) => resolveNeighbour(index, address));
}
