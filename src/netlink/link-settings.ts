import { utf8Encode } from "host";
import type { LinkSettings } from "../node/link-settings.ts";
import {
  type Attribute,
  attributeDecoder,
  bytesAttribute,
  decodeAttributes,
  getBytes,
  getText,
  getU8,
  getU16,
  getU32,
  nestedAttribute,
  s32At,
  s32Attribute,
  stringAttribute,
  u8Attribute,
  u16Attribute,
  u32Attribute,
} from "./attributes.ts";
import {
  IFINFOMSG,
  IFLA_BROADCAST,
  IFLA_GRO_IPV4_MAX_SIZE,
  IFLA_GRO_MAX_SIZE,
  IFLA_GROUP,
  IFLA_GSO_IPV4_MAX_SIZE,
  IFLA_GSO_MAX_SEGS,
  IFLA_GSO_MAX_SIZE,
  IFLA_IFALIAS,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_IPOIB_MODE,
  IFLA_IPOIB_UMCAST,
  IFLA_LINKINFO,
  IFLA_LINKMODE,
  IFLA_TXQLEN,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
  IFLA_XDP_DRV_PROG_ID,
  IFLA_XDP_FD,
  IFLA_XDP_FLAGS,
  IFLA_XDP_HW_PROG_ID,
  IFLA_XDP_PROG_ID,
  IFLA_XDP_SKB_PROG_ID,
  linkIn,
  RTM_NEWLINK,
  RTM_SETLINK,
} from "./if-link.ts";
import type { Request } from "./message.ts";

/** XDP_FLAGS_* of linux/if_link.h, which select the mode of a program in a request; in a reply it is XDP_ATTACHED_*. */
const XDP_FLAGS_SKB_MODE = 2;
const XDP_FLAGS_DRV_MODE = 4;
const XDP_FLAGS_HW_MODE = 8;
const XDP_ATTACHED_DRV = 1;
const XDP_ATTACHED_SKB = 2;
const XDP_ATTACHED_HW = 3;

/**
 * The flags of linux/if.h that dev_change_flags() lets an administrator set, besides IFF_UP: DEBUG, NOTRAILERS, NOARP,
 * PROMISC, ALLMULTI, MULTICAST, PORTSEL, AUTOMEDIA, DYNAMIC. In a reply the kernel sets PROMISC and ALLMULTI only if an
 * administrator did, and not for packet sockets.
 */
const SETTABLE_FLAGS = 0xf3a4;

/** Offset of the flags in struct ifinfomsg. */
const FLAGS = 8;

const ATTRIBUTES = attributeDecoder(
  linkIn,
  getBytes({ IFLA_BROADCAST }),
  getU32({ IFLA_TXQLEN }),
  getU8({ IFLA_LINKMODE }),
  getBytes({ IFLA_LINKINFO }),
  getText({ IFLA_IFALIAS }),
  getU32({ IFLA_GROUP }),
  getU32({ IFLA_GSO_MAX_SEGS }),
  getU32({ IFLA_GSO_MAX_SIZE }),
  getBytes({ IFLA_XDP }),
  getU32({ IFLA_GRO_MAX_SIZE }),
  getU32({ IFLA_GSO_IPV4_MAX_SIZE }),
  getU32({ IFLA_GRO_IPV4_MAX_SIZE }),
);
/** Kind and data in an IFLA_LINKINFO. */
export const LINK_INFO = attributeDecoder(linkIn, getText({ IFLA_INFO_KIND }), getBytes({ IFLA_INFO_DATA }));
const IPOIB = attributeDecoder(linkIn, getU16({ IFLA_IPOIB_MODE }), getU16({ IFLA_IPOIB_UMCAST }));
const XDP = attributeDecoder(
  linkIn,
  getU8({ IFLA_XDP_ATTACHED }),
  getU32({ IFLA_XDP_PROG_ID }),
  getU32({ IFLA_XDP_SKB_PROG_ID }),
  getU32({ IFLA_XDP_DRV_PROG_ID }),
  getU32({ IFLA_XDP_HW_PROG_ID }),
);

/**
 * Reads the settings of a netdev.
 * @param payload of an RTM_NEWLINK.
 * @throws {MalformedReply} if it cannot be read.
 */
export function linkSettingsIn(payload: Uint8Array): LinkSettings {
  const values = decodeAttributes(payload, IFINFOMSG, ATTRIBUTES, payload);
  const linkInfo = values[3];
  const xdp = values[8];
  const [mode, umcast] = linkInfo === undefined ? [] : ipoibSettingsIn(linkInfo, payload);
  const [attached, program, generic, driver, hardware] =
    xdp === undefined ? [] : decodeAttributes(xdp, 0, XDP, payload);
  // Kernels before 4.19 report only one program, and its mode.
  const only = (mode: number) => (attached === mode ? program : undefined) ?? 0;
  return {
    flags: s32At(payload, FLAGS) & SETTABLE_FLAGS,
    txQueueLength: values[1],
    group: values[5],
    linkMode: values[2],
    gsoMaxSize: values[7],
    gsoMaxSegments: values[6],
    gsoIpv4MaxSize: values[10],
    groMaxSize: values[9],
    groIpv4MaxSize: values[11],
    alias: values[4] ?? "",
    broadcast: values[0] && hexOf(values[0]),
    mode,
    umcast,
    xdpGeneric: generic ?? only(XDP_ATTACHED_SKB),
    xdpDriver: driver ?? only(XDP_ATTACHED_DRV),
    xdpHardware: hardware ?? only(XDP_ATTACHED_HW),
  };
}

/** Returns mode and umcast of an IPoIB netdev, as its IFLA_LINKINFO reports them. */
function ipoibSettingsIn(linkInfo: Uint8Array, payload: Uint8Array) {
  const [kind, data] = decodeAttributes(linkInfo, 0, LINK_INFO, payload);
  return kind === "ipoib" && data !== undefined ? decodeAttributes(data, 0, IPOIB, payload) : [];
}

/**
 * Sets all settings of a netdev in one request, except XDP programs. A setting that is `undefined` stays as it is. The
 * kernel stops at the first setting that it refuses.
 */
export function setLinkSettings(index: number, settings: LinkSettings): Request {
  const { alias, broadcast, linkMode, mode, umcast } = settings;
  // IFLA_GSO_MAX_SIZE sets the limit for IPv4, too, so IFLA_GSO_IPV4_MAX_SIZE must be applied after it, as do_setlink()
  // does.
  const numbers: readonly (readonly [type: number, value: number | undefined])[] = [
    [IFLA_TXQLEN, settings.txQueueLength],
    [IFLA_GROUP, settings.group],
    [IFLA_GSO_MAX_SIZE, settings.gsoMaxSize],
    [IFLA_GSO_MAX_SEGS, settings.gsoMaxSegments],
    [IFLA_GRO_MAX_SIZE, settings.groMaxSize],
    [IFLA_GSO_IPV4_MAX_SIZE, settings.gsoIpv4MaxSize],
    [IFLA_GRO_IPV4_MAX_SIZE, settings.groIpv4MaxSize],
  ];
  const attributes: Attribute[] = [bytesAttribute(IFLA_IFALIAS, utf8Encode(alias))];
  for (const [type, value] of numbers) if (value !== undefined) attributes.push(u32Attribute(type, value));
  if (linkMode !== undefined) attributes.push(u8Attribute(IFLA_LINKMODE, linkMode));
  if (broadcast !== undefined) attributes.push(bytesAttribute(IFLA_BROADCAST, bytesOf(broadcast)));
  const ipoib: Attribute[] = [];
  if (mode !== undefined) ipoib.push(u16Attribute(IFLA_IPOIB_MODE, mode));
  if (umcast !== undefined) ipoib.push(u16Attribute(IFLA_IPOIB_UMCAST, umcast));
  if (ipoib.length > 0) {
    const info = [stringAttribute(IFLA_INFO_KIND, "ipoib"), nestedAttribute(IFLA_INFO_DATA, ipoib)];
    attributes.push(nestedAttribute(IFLA_LINKINFO, info));
  }
  return {
    // The settings of IPoIB itself can be changed only by RTM_NEWLINK. Without NLM_F_CREATE it does not create a
    // netdev.
    type: RTM_NEWLINK,
    kind: "change",
    flags: 0,
    header: [0, index, settings.flags, SETTABLE_FLAGS],
    attributes,
    name: "RTM_NEWLINK",
    subject: `settings of link ${index}`,
  };
}

/** Detaches the XDP programs of a netdev, with one request for each program. */
export function detachXdp(index: number, { xdpGeneric, xdpDriver, xdpHardware }: LinkSettings): Request[] {
  const programs = [
    [xdpGeneric, XDP_FLAGS_SKB_MODE],
    [xdpDriver, XDP_FLAGS_DRV_MODE],
    [xdpHardware, XDP_FLAGS_HW_MODE],
  ] as const;
  return programs.flatMap(([program, mode]): Request[] => {
    if (program === 0) return [];
    const xdp = [s32Attribute(IFLA_XDP_FD, -1), u32Attribute(IFLA_XDP_FLAGS, mode)];
    return [
      {
        type: RTM_SETLINK,
        kind: "change",
        flags: 0,
        header: [0, index, 0, 0],
        attributes: [nestedAttribute(IFLA_XDP, xdp)],
        name: "RTM_SETLINK",
        subject: `detach XDP program ${program} from link ${index}`,
      },
    ];
  });
}

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
