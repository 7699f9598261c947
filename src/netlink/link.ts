import {
  type Attribute,
  nestedAttribute,
  parseAttributes,
  pickAttributes,
  readString,
  readU8,
  readU32,
  s32At,
  selection,
  stringAttribute,
  u32At,
  u32Attribute,
  wordBytes,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";
import { type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";

/** Types of linux/rtnetlink.h. */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWLINKPROP = 108;
const RTM_DELLINKPROP = 109;

/** Attributes of linux/if_link.h. */
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_VFINFO_LIST = 22;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;
const IFLA_PARENT_DEV_NAME = 56;
const IFLA_PARENT_DEV_BUS_NAME = 57;
const IFLA_INET_CONF = 1;

/** AF_INET, the attribute in IFLA_AF_SPEC that holds what is IPv4's. */
const AF_INET = 2;
/** IPV4_DEVCONF_ARP_NOTIFY of linux/ip.h: /proc/sys/net/ipv4/conf/<link>/arp_notify. */
const IPV4_DEVCONF_ARP_NOTIFY = 22;

/** Bits of IFLA_EXT_MASK, linux/rtnetlink.h: tell of the VFs, and leave statistics out. */
const RTEXT_FILTER_VF = 1;
const RTEXT_FILTER_SKIP_STATS = 8;

/** Flags of linux/if.h: the administrator wants it up; there is a carrier. */
export const IFF_UP = 0x1;
export const IFF_LOWER_UP = 0x10000;

/** Length of struct ifinfomsg: u8 family, u8 pad, u16 type, s32 index, u32 flags, u32 change. */
const IFINFOMSG = 16;
/** Longest IFLA_IFNAME in bytes (IFNAMSIZ less its NUL). What is longer can only be an alternative name. */
const MAX_IFNAME = 15;

/** A netdev, as RTM_NEWLINK tells of it. */
export interface LinkInfo {
  readonly index: number;
  /** IFF_*. */
  readonly flags: number;
  readonly name: string;
  readonly altnames: readonly string[];
  readonly mtu: number;
  /** IF_OPER_*, 0 where it is not known. */
  readonly operstate: number;
  /** Hardware address in network order. */
  readonly address: Uint8Array;
  /** Bus and name of the device it belongs to, e.g. "pci" and "0000:01:10.0"; since Linux 5.14. */
  readonly parentBus: string | undefined;
  readonly parentName: string | undefined;
  /** Index of the netdev that it is stacked on; undefined where it stands for itself. */
  readonly lower: number | undefined;
  /** Is that one in another namespace? */
  readonly lowerElsewhere: boolean;
  /** The value of IFLA_VFINFO_LIST, where VFs were asked for and there are some. */
  readonly vfs: Uint8Array | undefined;
}

/** Asks for the netdev of an index. */
export function getLinkByIndex(index: number): Request {
  return getLink(index, [], `link ${index}`, false);
}

/** Asks for the netdev of a name or an alternative name (of up to 127 bytes); `vfs`: and for what it knows of its VFs. */
export function getLinkByName(name: string, vfs = false): Request {
  const attribute = stringAttribute(IFLA_IFNAME, name);
  // The kernel looks alternative names up in either attribute, but IFLA_IFNAME has room for a real name only.
  const long = attribute.value.length - 1 > MAX_IFNAME;
  return getLink(0, [long ? { ...attribute, type: IFLA_ALT_IFNAME } : attribute], `link ${name}`, vfs);
}

/** Asks for all netdevs of a namespace. */
export function dumpLinks(): Request {
  return { ...getLink(0, [], "of all links", false), kind: "list" };
}

const WITHOUT_VFS = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
const WITH_VFS = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | RTEXT_FILTER_VF);

function getLink(index: number, attributes: readonly Attribute[], subject: string, vfs: boolean): Request {
  return {
    type: RTM_GETLINK,
    kind: "get",
    flags: 0,
    header: ifinfomsg(index, 0, 0),
    attributes: [...attributes, vfs ? WITH_VFS : WITHOUT_VFS],
    name: "RTM_GETLINK",
    subject,
  };
}

/** What {@link setLink} changes; undefined stays. */
export interface LinkChange {
  readonly name?: string | undefined;
  /** In bytes. */
  readonly mtu?: number | undefined;
  readonly up?: boolean | undefined;
}

/** Changes a netdev. The kernel changes MTU, name, admin state in this order, and stops at what fails. */
export function setLink(index: number, { name, mtu, up }: LinkChange): Request {
  const attributes: Attribute[] = [];
  if (mtu !== undefined) attributes.push(u32Attribute(IFLA_MTU, mtu));
  if (name !== undefined) attributes.push(stringAttribute(IFLA_IFNAME, name));
  const what = [
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ...(name === undefined ? [] : [`name ${name}`]),
    ...(up === undefined ? [] : [up ? "up" : "down"]),
  ].join(", ");
  const header = ifinfomsg(index, up === true ? IFF_UP : 0, up === undefined ? 0 : IFF_UP);
  return setLinkRequest(header, attributes, `${what} on link ${index}`);
}

/**
 * Moves a netdev to the namespace of a descriptor and names it there, then changes it as {@link setLink} does. Not
 * atomic: after an error it can be in either namespace.
 */
export function moveLink(
  index: number,
  namespace: number,
  name: string,
  { mtu, up }: Omit<LinkChange, "name">,
): Request {
  const attributes = [u32Attribute(IFLA_NET_NS_FD, namespace), stringAttribute(IFLA_IFNAME, name)];
  if (mtu !== undefined) attributes.push(u32Attribute(IFLA_MTU, mtu));
  const state = up === undefined ? "" : up ? ", up" : ", down";
  return setLinkRequest(
    ifinfomsg(index, up === true ? IFF_UP : 0, up === undefined ? 0 : IFF_UP),
    attributes,
    `move of link ${index} to another namespace as ${name}${mtu === undefined ? "" : `, mtu ${mtu}`}${state}`,
  );
}

/** Lets the kernel announce the addresses of a netdev by ARP when it comes up (what sysctl arp_notify does). */
export function setArpNotify(index: number): Request {
  const conf = nestedAttribute(IFLA_INET_CONF, [u32Attribute(IPV4_DEVCONF_ARP_NOTIFY, 1)]);
  const attributes = [nestedAttribute(IFLA_AF_SPEC, [nestedAttribute(AF_INET, [conf])])];
  return setLinkRequest(ifinfomsg(index, 0, 0), attributes, `arp_notify on link ${index}`);
}

/** Sets what a PF holds of a VF: the content of one IFLA_VFINFO_LIST. */
export function setVf(index: number, info: Attribute, subject: string): Request {
  return setLinkRequest(ifinfomsg(index, 0, 0), [nestedAttribute(IFLA_VFINFO_LIST, [info])], subject);
}

function setLinkRequest(header: Uint8Array, attributes: readonly Attribute[], subject: string): Request {
  return { type: RTM_SETLINK, kind: "change", flags: 0, header, attributes, name: "RTM_SETLINK", subject };
}

/** Gives a netdev alternative names; one that is taken is EEXIST. */
export function addAltnames(index: number, names: readonly string[]): Request {
  return {
    type: RTM_NEWLINKPROP,
    kind: "change",
    flags: NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND,
    header: ifinfomsg(index, 0, 0),
    attributes: [altnameList(names)],
    name: "RTM_NEWLINKPROP",
    subject: `altnames ${names.join(", ")} on link ${index}`,
  };
}

/** Takes alternative names from a netdev. */
export function removeAltnames(index: number, names: readonly string[]): Request {
  return {
    type: RTM_DELLINKPROP,
    kind: "change",
    flags: 0,
    header: ifinfomsg(index, 0, 0),
    attributes: [altnameList(names)],
    name: "RTM_DELLINKPROP",
    subject: `altnames ${names.join(", ")} on link ${index}`,
  };
}

function altnameList(names: readonly string[]): Attribute {
  return nestedAttribute(
    IFLA_PROP_LIST,
    names.map((name) => stringAttribute(IFLA_ALT_IFNAME, name)),
  );
}

const LINK_ATTRIBUTES = selection({
  address: IFLA_ADDRESS,
  name: IFLA_IFNAME,
  mtu: IFLA_MTU,
  lower: IFLA_LINK,
  operstate: IFLA_OPERSTATE,
  vfs: IFLA_VFINFO_LIST,
  lowerNamespace: IFLA_LINK_NETNSID,
  properties: IFLA_PROP_LIST,
  parentName: IFLA_PARENT_DEV_NAME,
  parentBus: IFLA_PARENT_DEV_BUS_NAME,
});

/** @throws {MalformedReply} where the message does not tell of a netdev, or cannot be read. */
export function parseLink(message: Message): LinkInfo {
  const payload = newLinkPayload(message);
  const picked = pickAttributes(payload, IFINFOMSG, LINK_ATTRIBUTES);
  const { address, name, mtu, operstate, parentBus, parentName } = picked;
  const index = s32At(payload, 4);
  const lower = picked.lower === undefined ? 0 : readU32(picked.lower);
  return {
    index,
    flags: u32At(payload, 8),
    name: name === undefined ? "" : readString(name),
    altnames: picked.properties === undefined ? [] : altnamesIn(picked.properties),
    mtu: mtu === undefined ? 0 : readU32(mtu),
    operstate: operstate === undefined ? 0 : readU8(operstate),
    address: address ?? new Uint8Array(0),
    parentBus: parentBus === undefined ? undefined : readString(parentBus),
    parentName: parentName === undefined ? undefined : readString(parentName),
    lower: lower === index || lower === 0 ? undefined : lower,
    lowerElsewhere: picked.lowerNamespace !== undefined,
    vfs: picked.vfs,
  };
}

const KIND_ATTRIBUTES = selection({ info: IFLA_LINKINFO });

/**
 * The value of a netdev's IFLA_LINKINFO: what only its kind of netdev has.
 * @throws {MalformedReply} where the message does not tell of a netdev, or cannot be read.
 */
export function linkInfoOf(message: Message): Uint8Array | undefined {
  return pickAttributes(newLinkPayload(message), IFINFOMSG, KIND_ATTRIBUTES).info;
}

function newLinkPayload({ type, payload }: Message): Uint8Array {
  if (type === RTM_NEWLINK && payload.length >= IFINFOMSG) return payload;
  throw new MalformedReply(`message type ${type} of ${payload.length} bytes is no RTM_NEWLINK`);
}

/** The alternative names in an IFLA_PROP_LIST. */
function altnamesIn(properties: Uint8Array): string[] {
  return parseAttributes(properties)
    .filter(({ type }) => type === IFLA_ALT_IFNAME)
    .map(({ value }) => readString(value));
}

/** The first word, family and type, stays 0. */
function ifinfomsg(index: number, flags: number, change: number): Uint8Array {
  return wordBytes(0, index, flags, change);
}
