import { type AddressFamily, type Cidr, formatCidr, requireCidr } from "../ip/address.ts";
import type { AddressState } from "../node/links.ts";
import {
  type Attribute,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  getBytes,
  getU32,
  s32At,
  viewOf,
  wrongLength,
} from "./attributes.ts";
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

/** Flags of linux/if_addr.h: another host has the address; duplicate address detection is still running. */
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

/** Length of struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
const IFADDRMSG = 8;
/** AF_INET and AF_INET6 of linux/socket.h. */
export const AF: Readonly<Record<AddressFamily, number>> = { 4: 2, 6: 10 };
/** AF_UNSPEC: addresses of all families. */
const AF_UNSPEC = 0;

/** An address of a netdev, as RTM_NEWADDR describes it. */
export interface ReceivedAddress extends AddressState {
  /** Index of the netdev. */
  readonly link: number;
}

/**
 * Gives a netdev an address. The kernel answers EEXIST if the netdev already has it. If an IPv4 network has more than
 * two addresses, its broadcast address is set, too.
 * @param cidr e.g. "10.0.0.5/24".
 * @throws {RangeError} if the text is not an address with a prefix length.
 */
export function newAddress(link: number, cidr: string): Request {
  const address = requireCidr(cidr);
  const attributes: Attribute[] = [
    bytesAttribute(IFA_LOCAL, address.bytes),
    bytesAttribute(IFA_ADDRESS, address.bytes),
  ];
  if (address.family === 4 && address.prefix < 31) {
    attributes.push(bytesAttribute(IFA_BROADCAST, broadcastOf(address)));
  }
  return {
    type: RTM_NEWADDR,
    kind: "change",
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: ifaddrmsg(AF[address.family], address.prefix, link),
    attributes,
    name: "RTM_NEWADDR",
    subject: `${cidr} on link ${link}`,
  };
}

/**
 * Lists the addresses of a netdev. Kernels before 4.20 list the addresses of all netdevs, so callers compare `link`.
 */
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

/** Returns what the payload of an RTM_NEWADDR describes, for errors. */
function addressIn(payload: Uint8Array): string {
  return `an address of link ${s32At(payload, 4)}`;
}

const ADDRESS_ATTRIBUTES = attributeDecoder(
  addressIn,
  getBytes({ IFA_LOCAL }),
  getBytes({ IFA_ADDRESS }),
  getU32({ IFA_FLAGS }),
);

/**
 * Reads an address from an RTM_NEWADDR message.
 * @returns `undefined` if the address is neither IPv4 nor IPv6.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseNewAddress(message: Message): ReceivedAddress | undefined {
  const { type, payload } = message;
  if (type !== RTM_NEWADDR || payload.length < IFADDRMSG) {
    throw new MalformedReply(`message type ${type} of ${payload.length} bytes is not an RTM_NEWADDR`);
  }
  const view = viewOf(payload);
  const family = view.getUint8(0);
  if (family !== AF[4] && family !== AF[6]) return undefined;
  const [local, address, wide] = decodeAttributes(payload, IFADDRMSG, ADDRESS_ATTRIBUTES, payload);
  // IPv6 has IFA_LOCAL only on point-to-point links. If it is present, IFA_ADDRESS can be the address of the peer.
  const bytes = local ?? address;
  const prefix = view.getUint8(1);
  const length = family === AF[4] ? 4 : 16;
  if (bytes === undefined) throw new MalformedReply(`${addressIn(payload)} has no IFA_ADDRESS`);
  if (bytes.length !== length)
    throw wrongLength(local ? "IFA_LOCAL" : "IFA_ADDRESS", addressIn(payload), bytes, length);
  if (prefix > 8 * length)
    throw new MalformedReply(
      `the prefix of ${addressIn(payload)} has ${prefix} bits, not at most ${8 * length}`,
    );
  const flags = wide ?? view.getUint8(2);
  return {
    link: view.getUint32(4, true),
    cidr: formatCidr(bytes, prefix),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    dadFailed: (flags & IFA_F_DADFAILED) !== 0,
  };
}

/** Returns the last address of the network. */
function broadcastOf({ bytes, prefix }: Cidr): Uint8Array {
  return bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - 8 * i))));
}

/** Returns the words of a struct ifaddrmsg. The scope is 0, universe. */
function ifaddrmsg(family: number, prefix: number, link: number): readonly number[] {
  return [family | (prefix << 8), link];
}
