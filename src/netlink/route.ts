import { type Attribute, bytesAttribute, nestedAttribute, u32Attribute } from "./attributes.ts";
import { parseAddress, parseCidr } from "./cidr.ts";
import { NLM_F_CREATE, type Request } from "./message.ts";

/** Type of linux/rtnetlink.h. */
const RTM_NEWROUTE = 24;

/** Attributes of linux/rtnetlink.h. */
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTAX_MTU = 2;
const RTAX_ADVMSS = 8;

/** RT_TABLE_UNSPEC, where RTA_TABLE says it; RT_TABLE_MAIN. */
const RT_TABLE_UNSPEC = 0;
const RT_TABLE_MAIN = 254;
/** RTPROT_BOOT: made by a tool, which routing daemons leave alone; RTN_UNICAST. */
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;

/** What {@link newRoute} makes. Where a number is undefined the kernel's default stands. */
export interface RouteSpec {
  /** CIDR. */
  readonly dst: string;
  /** undefined: on link. */
  readonly gw: string | undefined;
  /** In bytes. */
  readonly mtu?: number | undefined;
  /** In bytes. */
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  /** Default: main. */
  readonly table?: number | undefined;
  /** Default: universe (0). */
  readonly scope?: number | undefined;
}

/**
 * Makes a route through a netdev. One to the same network through another gateway may exist already.
 * @throws {RangeError} where a text is no address, or gateway and destination are of different families.
 */
export function newRoute(link: number, route: RouteSpec): Request {
  const destination = parseCidr(route.dst);
  const { family, bytes, prefix } = destination;
  const attributes: Attribute[] = [];
  if (prefix > 0) attributes.push(bytesAttribute(RTA_DST, bytes));
  attributes.push(u32Attribute(RTA_OIF, link));
  if (route.gw !== undefined) {
    const gateway = parseAddress(route.gw);
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
    // struct rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, u32 flags.
    header: Uint8Array.of(
      family,
      prefix,
      0,
      0,
      small ? table : RT_TABLE_UNSPEC,
      RTPROT_BOOT,
      route.scope ?? 0,
      RTN_UNICAST,
      0,
      0,
      0,
      0,
    ),
    attributes,
    name: "RTM_NEWROUTE",
    subject: `${route.dst}${route.gw === undefined ? "" : ` via ${route.gw}`} on link ${link}`,
  };
}
