import { type Attribute, nestedAttribute, stringAttribute, u32Attribute } from "./attributes.ts";
import {
  IFF_UP,
  IFLA_AF_SPEC,
  IFLA_ALT_IFNAME,
  IFLA_IFNAME,
  IFLA_INET_CONF,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_PROP_LIST,
  IFLA_VFINFO_LIST,
  ifinfomsg,
  RTM_DELLINK,
  RTM_DELLINKPROP,
  RTM_NEWLINKPROP,
  RTM_SETLINK,
} from "./if-link.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";

/** AF_INET, the attribute in IFLA_AF_SPEC that contains the settings of IPv4. */
const AF_INET = 2;
/** IPV4_DEVCONF_ARP_NOTIFY of linux/ip.h: /proc/sys/net/ipv4/conf/<link>/arp_notify. */
const IPV4_DEVCONF_ARP_NOTIFY = 22;

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
    subject: describeAltnames(index, names),
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
    subject: describeAltnames(index, names),
  };
}

/** Names a few of them: a container can give its netdev hundreds of names of 127 bytes. */
function describeAltnames(index: number, names: readonly string[]): string {
  const others = names.length > 3 ? ` and ${names.length - 3} others` : "";
  return `altnames ${names.slice(0, 3).join(", ")}${others} on link ${index}`;
}

function altnameList(names: readonly string[]): Attribute {
  return nestedAttribute(
    IFLA_PROP_LIST,
    names.map((name) => stringAttribute(IFLA_ALT_IFNAME, name)),
  );
}
