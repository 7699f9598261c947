import {
  type Attribute,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  getBytes,
  getU32,
  viewOf,
} from "./attributes.ts";
import { type Cidr, formatCidr, parseCidr } from "./cidr.ts";
import { MalformedReply } from "./errors.ts";
import { type Message, NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";

/** Types of linux/rtnetlink.h. */
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;

/** Attributes of linux/if_addr.h. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;

/** Flags of linux/if_addr.h: somebody else has it; whether somebody has it is not known yet. */
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

/** Length of struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
const IFADDRMSG = 8;
/** AF_UNSPEC: addresses of all families. */
const AF_UNSPEC = 0;

/** An address of a netdev, as RTM_NEWADDR tells of it. */
export interface AddressInfo {
  /** Index of the netdev. */
  readonly link: number;
  readonly cidr: string;
  /** Duplicate address detection (IPv6) is not through with it. */
  readonly tentative: boolean;
  /** It found a duplicate. */
  readonly dadFailed: boolean;
}

/**
 * Gives a netdev an address, EEXIST where it has it. An IPv4 network of more than two addresses gets its
 * broadcast address.
 * @param cidr e.g. "10.0.0.5/24".
 * @throws {RangeError} where that is no address with a prefix.
 */
export function newAddress(link: number, cidr: string): Request {
  const address = parseCidr(cidr);
  const attributes: Attribute[] = [
    bytesAttribute(IFA_LOCAL, address.bytes),
    bytesAttribute(IFA_ADDRESS, address.bytes),
  ];
  if (address.family === 2 && address.prefix < 31) {
    attributes.push(bytesAttribute(IFA_BROADCAST, broadcastOf(address)));
  }
  return {
    type: RTM_NEWADDR,
    kind: "change",
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: ifaddrmsg(address.family, address.prefix, link),
    attributes,
    name: "RTM_NEWADDR",
    subject: `${cidr} on link ${link}`,
  };
}

/** Asks for the addresses of a netdev. Kernels before 4.20 list those of all netdevs: look at `link`. */
export function dumpAddresses(link: number): Request {
  return {
    type: RTM_GETADDR,
    kind: "list",
    flags: 0,
    header: ifaddrmsg(AF_UNSPEC, 0, link),
    attributes: [],
    name: "RTM_GETADDR",
    subject: `of link ${link}`,
  };
}

const ADDRESS_ATTRIBUTES = attributeDecoder(getBytes(IFA_LOCAL), getBytes(IFA_ADDRESS), getU32(IFA_FLAGS));

/**
 * @returns undefined where it tells of an address that is neither IPv4 nor IPv6.
 * @throws {MalformedReply} where the message does not tell of an address, or cannot be read.
 */
export function parseAddressInfo(message: Message): AddressInfo | undefined {
  const { type, payload } = message;
  if (type !== RTM_NEWADDR || payload.length < IFADDRMSG) {
    throw new MalformedReply(`message type ${type} of ${payload.length} bytes is no RTM_NEWADDR`);
  }
  const view = viewOf(payload);
  const family = view.getUint8(0);
  if (family !== 2 && family !== 10) return undefined;
  const [local, address, wide] = decodeAttributes(payload, IFADDRMSG, ADDRESS_ATTRIBUTES);
  // IPv6 has no IFA_LOCAL but on point-to-point links; there, and in IPv4, IFA_ADDRESS is the peer's.
  const bytes = local ?? address;
  const prefix = view.getUint8(1);
  const length = family === 2 ? 4 : 16;
  if (bytes?.length !== length || prefix > 8 * length) {
    throw new MalformedReply(`an address of ${bytes?.length ?? 0} bytes with a prefix of ${prefix}`);
  }
  const flags = wide ?? view.getUint8(2);
  return {
    link: view.getUint32(4, true),
    cidr: formatCidr(bytes, prefix),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
  };
}

/** The last address of the network. */
function broadcastOf({ bytes, prefix }: Cidr): Uint8Array {
  return bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - 8 * i))));
}

/** Scope is 0, universe. */
function ifaddrmsg(family: number, prefix: number, link: number): readonly number[] {
  return [family | (prefix << 8), link];
}
