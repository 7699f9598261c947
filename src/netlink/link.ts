import { utf8Encode } from "host";
import {
  type Attribute,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  getBytes,
  getText,
  getU8,
  getU32,
  nestedAttribute,
  parseAttributes,
  readString,
  s32At,
  stringAttribute,
  u32Attribute,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";
import { type LinkSettingsInfo, linkSettingsIn } from "./link-settings.ts";
import { type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";

/** Types of linux/rtnetlink.h. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWLINKPROP = 108;
const RTM_DELLINKPROP = 109;

/** Attributes of linux/if_link.h. */
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
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
const IFLA_INFO_KIND = 1;
const IFLA_INET_CONF = 1;

/** AF_INET, the attribute in IFLA_AF_SPEC that contains the settings of IPv4. */
const AF_INET = 2;
/** IPV4_DEVCONF_ARP_NOTIFY of linux/ip.h: /proc/sys/net/ipv4/conf/<link>/arp_notify. */
const IPV4_DEVCONF_ARP_NOTIFY = 22;

/** Bits of IFLA_EXT_MASK, linux/rtnetlink.h: report the VFs; leave out the statistics. */
const RTEXT_FILTER_VF = 1;
const RTEXT_FILTER_SKIP_STATS = 8;

/** Flags of linux/if.h: the administrator set the netdev up; the netdev has a carrier. */
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;

/** Length of struct ifinfomsg: u8 family, u8 pad, u16 type, s32 index, u32 flags, u32 change. */
const IFINFOMSG = 16;
/** Longest IFLA_IFNAME in bytes (IFNAMSIZ less its NUL). A longer name can only be an alternative name. */
const MAX_IFNAME = 15;

/** A netdev, as RTM_NEWLINK describes it. */
export interface LinkInfo {
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  readonly mtu: number;
  /** IFF_UP: the administrator set the netdev up. */
  readonly up: boolean;
  /** IFF_LOWER_UP: the netdev has a carrier. */
  readonly carrier: boolean;
  /** IF_OPER_*, 0 if unknown. */
  readonly operstate: number;
  /** Hardware address in network order. */
  readonly address: Uint8Array;
  /**
   * PCI address of its device; `undefined` if it has no PCI device, or if the kernel (before 5.14) does not report it.
   */
  readonly pci: string | undefined;
  /**
   * Whether it is stacked on another netdev, of this namespace or of another. Wrongly false for a pkey child whose
   * lower netdev is in another namespace and has the same index there: for a pkey child the kernel reports no
   * namespace.
   */
  readonly child: boolean;
  /** Decoded on each access, because few callers need it. */
  readonly settings: LinkSettingsInfo;
  /** Index of the bond, bridge … that it is a port of (IFLA_MASTER); `undefined` if it is a port of none. */
  readonly master: number | undefined;
  /** The value of IFLA_VFINFO_LIST; `undefined` if the request did not ask for VFs, or if the netdev has no VFs. */
  readonly vfs: Uint8Array | undefined;
}

/** Asks for the netdev with an index. */
export function getLinkByIndex(index: number): Request {
  return getLink(index, [WITHOUT_VFS], `link ${index}`);
}

/**
 * Asks for the netdev with a name or an alternative name (of up to 127 bytes).
 * @param vfs whether to ask for its VFs, too.
 */
export function getLinkByName(name: string, vfs = false): Request {
  // The kernel accepts alternative names in both attributes, but IFLA_IFNAME is too short for a long alternative name.
  const text = utf8Encode(`${name}\0`);
  const type = text.length - 1 > MAX_IFNAME ? IFLA_ALT_IFNAME : IFLA_IFNAME;
  return getLink(0, [bytesAttribute(type, text), vfs ? WITH_VFS : WITHOUT_VFS], `link ${name}`);
}

/** Lists all netdevs of a namespace. */
export function dumpLinks(): Request {
  return { ...getLink(0, [WITHOUT_VFS], "of all links"), kind: "list", largest: LIST_PART };
}

/** Lists the netdevs of one kind, e.g. "ipoib", in a namespace. The kernel leaves out other netdevs. */
export function dumpLinksOfKind(kind: string): Request {
  const filter = nestedAttribute(IFLA_LINKINFO, [stringAttribute(IFLA_INFO_KIND, kind)]);
  return { ...getLink(0, [WITHOUT_VFS, filter], `of all ${kind} links`), kind: "list", largest: LIST_PART };
}

/** Bytes up to which rtnetlink fills the datagrams of a list (netlink_recvmsg of net/netlink/af_netlink.c). */
const LIST_PART = 32 * 1024;

const WITHOUT_VFS = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
const WITH_VFS = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | RTEXT_FILTER_VF);

function getLink(index: number, attributes: readonly Attribute[], subject: string): Request {
  return {
    type: RTM_GETLINK,
    kind: "get",
    flags: 0,
    header: ifinfomsg(index, 0, 0),
    attributes,
    name: "RTM_GETLINK",
    subject,
  };
}

/** The changes of {@link setLink}; a setting that is `undefined` stays as it is. */
export interface LinkChange {
  readonly name?: string | undefined;
  /** In bytes. */
  readonly mtu?: number | undefined;
  readonly up?: boolean | undefined;
}

/** Changes a netdev. The kernel changes MTU, name and admin state in this order, and stops at the first failure. */
export function setLink(index: number, { name, mtu, up }: LinkChange): Request {
  const attributes: Attribute[] = [];
  if (mtu !== undefined) attributes.push(u32Attribute(IFLA_MTU, mtu));
  if (name !== undefined) attributes.push(stringAttribute(IFLA_IFNAME, name));
  const changes = [
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ...(name === undefined ? [] : [`name ${name}`]),
    ...(up === undefined ? [] : [up ? "up" : "down"]),
  ].join(", ");
  const header = ifinfomsg(index, up === true ? IFF_UP : 0, up === undefined ? 0 : IFF_UP);
  return setLinkRequest(header, attributes, `${changes} on link ${index}`);
}

/**
 * Moves a netdev to the namespace of a descriptor and names it there, then changes it as {@link setLink} does. The
 * request is not atomic: after an error the netdev can be in either namespace.
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

/** Sets arp_notify of a netdev, so that the kernel announces its IPv4 addresses by ARP when the netdev is set up. */
export function setArpNotify(index: number): Request {
  const conf = nestedAttribute(IFLA_INET_CONF, [u32Attribute(IPV4_DEVCONF_ARP_NOTIFY, 1)]);
  const attributes = [nestedAttribute(IFLA_AF_SPEC, [nestedAttribute(AF_INET, [conf])])];
  return setLinkRequest(ifinfomsg(index, 0, 0), attributes, `arp_notify on link ${index}`);
}

/**
 * Removes a netdev that software created, such as a pkey child. For the netdev of a device the answer is EOPNOTSUPP.
 */
export function removeLink(index: number): Request {
  return {
    type: RTM_DELLINK,
    kind: "change",
    flags: 0,
    header: ifinfomsg(index, 0, 0),
    attributes: [],
    name: "RTM_DELLINK",
    subject: `link ${index}`,
  };
}

/** Sets a setting of a VF at its PF: the content of one IFLA_VFINFO_LIST. */
export function setVf(index: number, info: Attribute, subject: string): Request {
  return setLinkRequest(ifinfomsg(index, 0, 0), [nestedAttribute(IFLA_VFINFO_LIST, [info])], subject);
}

function setLinkRequest(
  header: readonly number[],
  attributes: readonly Attribute[],
  subject: string,
): Request {
  return { type: RTM_SETLINK, kind: "change", flags: 0, header, attributes, name: "RTM_SETLINK", subject };
}

/** Gives a netdev alternative names. The kernel answers EEXIST if a name is taken. */
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

/** Removes alternative names from a netdev. */
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

const LINK_ATTRIBUTES = attributeDecoder(
  getBytes(IFLA_ADDRESS),
  getText(IFLA_IFNAME),
  getU32(IFLA_MTU),
  getU32(IFLA_LINK),
  getU32(IFLA_MASTER),
  getU8(IFLA_OPERSTATE),
  getBytes(IFLA_VFINFO_LIST),
  getBytes(IFLA_LINK_NETNSID),
  getBytes(IFLA_PROP_LIST),
  getText(IFLA_PARENT_DEV_NAME),
  getText(IFLA_PARENT_DEV_BUS_NAME),
);

/**
 * Reads a netdev from an RTM_NEWLINK message.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseLink(message: Message): LinkInfo {
  const payload = newLinkPayload(message);
  const [
    address,
    name,
    mtu,
    lower,
    master,
    operstate,
    vfs,
    lowerNamespace,
    properties,
    parentName,
    parentBus,
  ] = decodeAttributes(payload, IFINFOMSG, LINK_ATTRIBUTES);
  const index = s32At(payload, 4);
  const flags = s32At(payload, 8);
  return {
    index,
    name: name ?? "",
    altnames: properties === undefined ? [] : altnamesIn(properties),
    mtu: mtu ?? 0,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    operstate: operstate ?? 0,
    address: address ?? new Uint8Array(0),
    pci: parentBus === "pci" ? parentName : undefined,
    child: (lower !== undefined && lower !== 0 && lower !== index) || lowerNamespace !== undefined,
    get settings() {
      return linkSettingsIn(payload);
    },
    master: master === 0 ? undefined : master,
    vfs,
  };
}

const KIND_ATTRIBUTES = attributeDecoder(getBytes(IFLA_LINKINFO));

/**
 * Returns the value of a netdev's IFLA_LINKINFO: the settings that only its kind of netdev has.
 * @throws {MalformedReply} if the message is not an RTM_NEWLINK, or is malformed.
 */
export function linkInfoOf(message: Message): Uint8Array | undefined {
  return decodeAttributes(newLinkPayload(message), IFINFOMSG, KIND_ATTRIBUTES)[0];
}

function newLinkPayload({ type, payload }: Message): Uint8Array {
  if (type === RTM_NEWLINK && payload.length >= IFINFOMSG) return payload;
  throw new MalformedReply(`message type ${type} of ${payload.length} bytes is not an RTM_NEWLINK`);
}

/** Returns the alternative names in an IFLA_PROP_LIST. */
function altnamesIn(properties: Uint8Array): string[] {
  return parseAttributes(properties)
    .filter(({ type }) => type === IFLA_ALT_IFNAME)
    .map(({ value }) => readString(value));
}

/** Returns the words of a struct ifinfomsg. The first, family and type, is 0. */
function ifinfomsg(index: number, flags: number, change: number): readonly number[] {
  return [0, index, flags, change];
}
