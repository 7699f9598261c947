import { findText, s32At } from "./attributes.ts";

// Constants of the messages about netdevs, from linux/rtnetlink.h, linux/if_link.h and linux/if.h.

/** Types of messages. */
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWLINKPROP = 108;
export const RTM_DELLINKPROP = 109;

/** Attributes of a netdev. */
export const IFLA_ADDRESS = 1;
export const IFLA_BROADCAST = 2;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_TXQLEN = 13;
export const IFLA_OPERSTATE = 16;
export const IFLA_LINKMODE = 17;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_VFINFO_LIST = 22;
export const IFLA_AF_SPEC = 26;
export const IFLA_GROUP = 27;
export const IFLA_NET_NS_FD = 28;
export const IFLA_EXT_MASK = 29;
export const IFLA_NUM_TX_QUEUES = 31;
export const IFLA_NUM_RX_QUEUES = 32;
export const IFLA_LINK_NETNSID = 37;
export const IFLA_GSO_MAX_SEGS = 40;
export const IFLA_GSO_MAX_SIZE = 41;
export const IFLA_XDP = 43;
export const IFLA_PROP_LIST = 52;
export const IFLA_ALT_IFNAME = 53;
export const IFLA_PARENT_DEV_NAME = 56;
export const IFLA_PARENT_DEV_BUS_NAME = 57;
export const IFLA_GRO_MAX_SIZE = 58;
export const IFLA_GSO_IPV4_MAX_SIZE = 63;
export const IFLA_GRO_IPV4_MAX_SIZE = 64;

/** Attributes in IFLA_LINKINFO, in its IFLA_INFO_DATA for IPoIB, in IFLA_XDP, and in the IPv4 part of IFLA_AF_SPEC. */
export const IFLA_INFO_KIND = 1;
export const IFLA_INET_CONF = 1;
export const IFLA_IPOIB_PKEY = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_IPOIB_MODE = 2;
export const IFLA_IPOIB_UMCAST = 3;
export const IFLA_XDP_FD = 1;
export const IFLA_XDP_ATTACHED = 2;
export const IFLA_XDP_FLAGS = 3;
export const IFLA_XDP_PROG_ID = 4;
export const IFLA_XDP_DRV_PROG_ID = 5;
export const IFLA_XDP_SKB_PROG_ID = 6;
export const IFLA_XDP_HW_PROG_ID = 7;

/** Flags: the administrator set the netdev up; the netdev has a carrier. */
export const IFF_UP = 0x1;
export const IFF_LOWER_UP = 0x10000;

/** Length of struct ifinfomsg: u8 family, u8 pad, u16 type, s32 index, u32 flags, u32 change. */
export const IFINFOMSG = 16;

/** Returns the words of a struct ifinfomsg. The first, family and type, is 0. */
export function ifinfomsg(index: number, flags: number, change: number): readonly number[] {
  return [0, index, flags, change];
}

/** Returns the name of the netdev that the payload of an RTM_NEWLINK describes, or "link 7"; for errors. */
export function linkIn(payload: Uint8Array): string {
  return findText(payload, IFINFOMSG, IFLA_IFNAME) ?? `link ${s32At(payload, 4)}`;
}
