import { utf8Encode } from "host";
import type { LinkSettings } from "../node/link-settings.ts";
import type { Link } from "../node/links.ts";
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
import {
  IFF_LOWER_UP,
  IFF_UP,
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_EXT_MASK,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_OPERSTATE,
  IFLA_PARENT_DEV_BUS_NAME,
  IFLA_PARENT_DEV_NAME,
  IFLA_PROP_LIST,
  IFLA_VFINFO_LIST,
  ifinfomsg,
  linkIn,
  RTM_GETLINK,
  RTM_NEWLINK,
} from "./if-link.ts";
import { linkSettingsIn } from "./link-settings.ts";
import type { Message, Request } from "./message.ts";

/** Bits of IFLA_EXT_MASK, linux/rtnetlink.h: report the VFs; leave out the statistics. */
const RTEXT_FILTER_VF = 1;
const RTEXT_FILTER_SKIP_STATS = 8;

/** Longest IFLA_IFNAME in bytes (IFNAMSIZ less its NUL). A longer name can only be an alternative name. */
const MAX_IFNAME = 15;

/** A netdev, as RTM_NEWLINK describes it. */
export interface ReceivedLink extends Link {
  /** Decoded on each access, because few callers need it. */
  readonly settings: LinkSettings;
  /** The value of IFLA_VFINFO_LIST; `undefined` if the request did not ask for VFs, or if the netdev has no VFs. */
  readonly vfs: Uint8Array | undefined;
}

/** The parts of a reply that are left out by default. */
export interface LinkParts {
  /** The VFs of the netdev, and with "with traffic" also their counters, which a driver may have to ask its device for. */
  readonly withVfs: boolean | "with traffic";
}

/** Asks for the netdev with an index. */
export function getLinkByIndex(index: number): Request {
  return getLink(index, [WITHOUT_VFS], `link ${index}`);
}

/**
 * Asks for the netdev with a name or an alternative name (of up to 127 bytes).
 * @param options which parts to ask for, too.
 */
export function getLinkByName(name: string, { withVfs }: LinkParts = { withVfs: false }): Request {
  // The kernel accepts alternative names in both attributes, but IFLA_IFNAME is too short for a long alternative name.
  const text = utf8Encode(`${name}\0`);
  const type = text.length - 1 > MAX_IFNAME ? IFLA_ALT_IFNAME : IFLA_IFNAME;
  return getLink(0, [bytesAttribute(type, text), PARTS[`${withVfs}`]], `link ${name}`);
}

/** Lists all netdevs of a namespace. */
export function dumpLinks(): Request {
  return { ...getLink(0, [WITHOUT_VFS], "of all links"), kind: "list" };
}

/** Lists the netdevs of one kind, e.g. "ipoib", in a namespace. The kernel leaves out other netdevs. */
export function dumpLinksOfKind(kind: string): Request {
  const filter = nestedAttribute(IFLA_LINKINFO, [stringAttribute(IFLA_INFO_KIND, kind)]);
  return { ...getLink(0, [WITHOUT_VFS, filter], `of all ${kind} links`), kind: "list" };
}

const WITHOUT_VFS = u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
const PARTS = {
  false: WITHOUT_VFS,
  true: u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | RTEXT_FILTER_VF),
  "with traffic": u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_VF),
};

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

const LINK_ATTRIBUTES = attributeDecoder(
  linkIn,
  getBytes({ IFLA_ADDRESS }),
  getText({ IFLA_IFNAME }),
  getU32({ IFLA_MTU }),
  getU32({ IFLA_LINK }),
  getU32({ IFLA_MASTER }),
  getU8({ IFLA_OPERSTATE }),
  getBytes({ IFLA_VFINFO_LIST }),
  getBytes({ IFLA_LINK_NETNSID }),
  getBytes({ IFLA_PROP_LIST }),
  getText({ IFLA_PARENT_DEV_NAME }),
  getText({ IFLA_PARENT_DEV_BUS_NAME }),
  getU32({ IFLA_NUM_TX_QUEUES }),
  getU32({ IFLA_NUM_RX_QUEUES }),
);

/**
 * Reads a netdev from an RTM_NEWLINK message.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseLink(message: Message): ReceivedLink {
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
    txQueues = 1,
    rxQueues = 1,
  ] = decodeAttributes(payload, IFINFOMSG, LINK_ATTRIBUTES, payload);
  const index = s32At(payload, 4);
  const flags = s32At(payload, 8);
  return {
    index,
    name: name ?? "",
    altnames: properties === undefined ? [] : altnamesIn(properties, name ?? `link ${index}`),
    mtu: mtu ?? 0,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    operstate: operstate ?? 0,
    address: address ?? new Uint8Array(0),
    pci: parentBus === "pci" ? parentName : undefined,
    // Wrongly false for a pkey child whose lower netdev is in another namespace and has the same index there: for a
    // pkey child the kernel reports no namespace.
    child: (lower !== undefined && lower !== 0 && lower !== index) || lowerNamespace !== undefined,
    get settings() {
      return linkSettingsIn(payload);
    },
    master: master === 0 ? undefined : master,
    queues: Math.max(txQueues, rxQueues),
    vfs,
  };
}

const KIND_ATTRIBUTES = attributeDecoder(linkIn, getBytes({ IFLA_LINKINFO }));

/**
 * Returns the value of a netdev's IFLA_LINKINFO: the settings that only its kind of netdev has.
 * @throws {MalformedReply} if the message is not an RTM_NEWLINK, or is malformed.
 */
export function linkInfoOf(message: Message): Uint8Array | undefined {
  const payload = newLinkPayload(message);
  return decodeAttributes(payload, IFINFOMSG, KIND_ATTRIBUTES, payload)[0];
}

function newLinkPayload({ type, payload }: Message): Uint8Array {
  if (type === RTM_NEWLINK && payload.length >= IFINFOMSG) return payload;
  throw new MalformedReply(`message type ${type} of ${payload.length} bytes is not an RTM_NEWLINK`);
}

/** Returns the alternative names in an IFLA_PROP_LIST of a netdev. */
function altnamesIn(properties: Uint8Array, link: string): string[] {
  return parseAttributes(properties, `IFLA_PROP_LIST of ${link}`)
    .filter(({ type }) => type === IFLA_ALT_IFNAME)
    .map(({ value }) => readString(value));
}
