import { type AddressFamily, formatCidr, requireAddress, requireCidr } from "../ip/address.ts";
import type { Route, RouteState } from "../ip/route.ts";
import { formatAddress } from "../ip/text.ts";
import { AF } from "./address.ts";
import {
  type Attribute,
  aligned,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  getBytes,
  getU32,
  nestedAttribute,
  u32Attribute,
  viewOf,
  wrongLength,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";
import { type Message, NLM_F_CREATE, type Request } from "./message.ts";

/** Types of linux/rtnetlink.h. */
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;

/** Attributes of linux/rtnetlink.h. */
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTAX_MTU = 2;
const RTAX_ADVMSS = 8;

/** The table of a struct rtmsg if RTA_TABLE contains the number of the table. */
const RT_TABLE_UNSPEC = 0;
const RT_TABLE_MAIN = 254;
/** The origin of a route that a tool made. Routing daemons do not change such routes. */
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
/** Length of struct rtmsg, and of struct rtnexthop: u16 length, u8 flags, u8 hops, s32 index. */
const RTMSG = 12;
const RTNEXTHOP = 8;

/**
 * Adds a route through a netdev. A route to the same network through another gateway can already exist.
 * @throws {RangeError} if a text is not an address, or if gateway and destination are of different families.
 */
export function newRoute(link: number, route: Route): Request {
  const destination = requireCidr(route.dst);
  const { family, bytes, prefix } = destination;
  const attributes: Attribute[] = [];
  if (prefix > 0) attributes.push(bytesAttribute(RTA_DST, bytes));
  attributes.push(u32Attribute(RTA_OIF, link));
  if (route.gw !== undefined) {
    const gateway = requireAddress(route.gw);
    if (gateway.family !== family) {
      throw new RangeError(
        `the gateway ${route.gw} is not of the address family of its route to ${route.dst}`,
      );
    }
    attributes.push(bytesAttribute(RTA_GATEWAY, gateway.bytes));
  }
  if (route.priority !== undefined) attributes.push(u32Attribute(RTA_PRIORITY, route.priority));
  const metrics: Attribute[] = [];
  if (route.mtu !== undefined) metrics.push(u32Attribute(RTAX_MTU, route.mtu));
  if (route.advmss !== undefined) metrics.push(u32Attribute(RTAX_ADVMSS, route.advmss));
  if (metrics.length > 0) attributes.push(nestedAttribute(RTA_METRICS, metrics));
  const table = route.table ?? RT_TABLE_MAIN;
  const small = table <= 0xff;
  if (!small) attributes.push(u32Attribute(RTA_TABLE, table));
  return {
    type: RTM_NEWROUTE,
    kind: "change",
    flags: NLM_F_CREATE,
    header: rtmsg(
      AF[family],
      prefix,
      small ? table : RT_TABLE_UNSPEC,
      RTPROT_BOOT,
      route.scope ?? 0,
      RTN_UNICAST,
    ),
    attributes,
    name: "RTM_NEWROUTE",
    subject: `${route.dst}${route.gw === undefined ? "" : ` via ${route.gw}`} on link ${link}`,
  };
}

/** Lists the routes of a family through a netdev, in all tables. Kernels before 4.20 list the routes of all netdevs. */
export function dumpRoutes(link: number, family: AddressFamily): Request {
  return {
    type: RTM_GETROUTE,
    kind: "list",
    flags: 0,
    header: rtmsg(AF[family], 0, RT_TABLE_UNSPEC, 0, 0, 0),
    attributes: [u32Attribute(RTA_OIF, link)],
    name: "RTM_GETROUTE",
    subject: `of link ${link}`,
  };
}

/** Returns what a list of the routes of a netdev contains, for errors. */
function routeOf(link: number): string {
  return `a route of link ${link}`;
}

const ROUTE_ATTRIBUTES = attributeDecoder(
  routeOf,
  getBytes({ RTA_DST }),
  getU32({ RTA_OIF }),
  getBytes({ RTA_GATEWAY }),
  getU32({ RTA_PRIORITY }),
  getBytes({ RTA_MULTIPATH }),
  getU32({ RTA_TABLE }),
);
const HOP_ATTRIBUTES = attributeDecoder(routeOf, getBytes({ RTA_GATEWAY }));

/**
 * Returns the routes through a netdev that an RTM_NEWROUTE message describes. The list has several routes if a
 * destination has several gateways (IPv6 reports gateways of the same priority in one message). It is empty if the route
 * leads through another netdev, or if it is not a unicast route, such as the routes of local and broadcast addresses.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseRouteInfo(message: Message, link: number): RouteState[] {
  const { type, payload } = message;
  if (type !== RTM_NEWROUTE || payload.length < RTMSG) {
    throw new MalformedReply(`message type ${type} of ${payload.length} bytes is not an RTM_NEWROUTE`);
  }
  const view = viewOf(payload);
  const family = view.getUint8(0);
  if ((family !== AF[4] && family !== AF[6]) || view.getUint8(7) !== RTN_UNICAST) return [];
  const [to, through, gateway, priority, several, table] = decodeAttributes(
    payload,
    RTMSG,
    ROUTE_ATTRIBUTES,
    link,
  );
  const dst = destination(family, view.getUint8(1), to, link);
  const hops =
    several === undefined ? [{ link: through, gateway: gatewayOf(gateway, link) }] : parseHops(several, link);
  return hops
    .filter((hop) => hop.link === link)
    .map((hop) => ({
      dst,
      gw: hop.gateway === undefined ? undefined : formatAddress(hop.gateway),
      table: table ?? view.getUint8(4),
      priority: priority ?? 0,
    }));
}

function destination(family: number, prefix: number, bytes: Uint8Array | undefined, link: number): string {
  const length = family === AF[4] ? 4 : 16;
  const address = bytes ?? new Uint8Array(length);
  if (address.length !== length) throw wrongLength("RTA_DST", routeOf(link), address, length);
  if (prefix > 8 * length)
    throw new MalformedReply(`the prefix of ${routeOf(link)} has ${prefix} bits, not at most ${8 * length}`);
  return formatCidr(address, prefix);
}

/** The netdev of a route, and its gateway if it has one. */
interface Hop {
  readonly link: number | undefined;
  /** 4 or 16 bytes in network order. */
  readonly gateway: Uint8Array | undefined;
}

/** Returns the hops of an RTA_MULTIPATH: each is a struct rtnexthop with its own attributes. */
function parseHops(bytes: Uint8Array, link: number): Hop[] {
  const view = viewOf(bytes);
  const hops: Hop[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    const length = left < RTNEXTHOP ? left : view.getUint16(at, true);
    if (length < RTNEXTHOP || length > left) {
      throw new MalformedReply(`the length of a next hop in RTA_MULTIPATH of ${routeOf(link)} does not fit`);
    }
    const [gateway] = decodeAttributes(bytes.subarray(0, at + length), at + RTNEXTHOP, HOP_ATTRIBUTES, link);
    hops.push({ link: view.getInt32(at + 4, true), gateway: gatewayOf(gateway, link) });
    at += aligned(length);
  }
  return hops;
}

function gatewayOf(bytes: Uint8Array | undefined, link: number): Uint8Array | undefined {
  if (bytes === undefined || bytes.length === 4 || bytes.length === 16) return bytes;
  throw wrongLength("RTA_GATEWAY", routeOf(link), bytes, "4 or 16");
}

/** Returns a struct rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, u32 flags. */
function rtmsg(
  family: number,
  prefix: number,
  table: number,
  protocol: number,
  scope: number,
  type: number,
): readonly number[] {
  return [family | (prefix << 8), table | (protocol << 8) | (scope << 16) | (type << 24), 0];
}
