import {
  Attributes,
  decodeMessage,
  ipAddress,
  type Message,
  message,
  textOf,
  withColons,
} from "./rtnetlink-dump.ts";

/** Attributes of links (linux/if_link.h) that are on separate lines of the snapshot. */
const attribute = {
  ...{ address: 1, name: 3, mtu: 4, alias: 20, vfs: 22, families: 26, properties: 52, parent: 56 },
} as const;
/** Attributes of links that the kernel changes by itself, or that depend on its numbers for netdevs. */
const notSettings = {
  ...{ link: 5, qdisc: 6, statistics: 7, operstate: 16, statistics64: 23, carrier: 33, carrierChanges: 35 },
  ...{ linkNetns: 37, carrierUps: 47, carrierDowns: 48, permanentAddress: 54 },
} as const;
/** Attributes of a link's IPv6 that the kernel changes by itself: flags, statistics, timestamps. */
const notIpv6Settings = [1, 3, 4, 5, 6];
const AF_INET6 = 10;
/** The hardware type of IPoIB (linux/if_arp.h). */
const INFINIBAND = 32;
const IFF_UP = 1;
/**
 * Flags of netdevs that an administrator sets, besides UP: DEBUG, NOTRAILERS, NOARP, PROMISC, ALLMULTI, MULTICAST and
 * DYNAMIC.
 */
const settableFlags = 0x4 | 0x20 | 0x80 | 0x100 | 0x200 | 0x1000 | 0x8000;
const linkStates = ["auto", "enable", "disable"];

/** The programs that run scripts and guest/snapshot.c, and udevd, which starts and ends workers at any time. */
const transient = ["/bin/dash", "/bin/bash", "/bin/busybox", "/host/snapshot", "/usr/bin/udevadm"];

/**
 * Returns a description of a node: a sorted line for each thing that a DEL must restore.
 *
 * The snapshot leaves out numbers of netdevs and QPs (a rebind gives new ones), the carrier and the settings that the
 * kernel makes when it comes (link-local addresses and their routes), lock files (they stay), and the internal files
 * of host-local. "No GUID" can be written as zero and as all ones.
 * @param dump the output of guest/snapshot.c.
 */
export function snapshotOf(dump: string): string[] {
  let namespace = "-";
  let names = new Map<number, string>();
  const describe = (line: string): string[] => {
    const [kind = "", where = "", ...words] = line.split(" ");
    const rest = words.join(" ");
    switch (kind) {
      case "namespace":
        namespace = where;
        names = new Map();
        return [line];
      case "message":
        return describeMessage(namespace, names, Number(where), decodeMessage(Number(where), rest));
      case "setting":
        return [`setting ${namespace} ${where} ${rest}`];
      case "function":
        return [`function ${where} ${withoutGuid(rest)}`];
      case "owner":
        return [`owner ${where} ${/"owner":\{[^}]*\}/.exec(rest)?.[0]}`];
      case "file":
        return isState(where) ? [line] : [];
      case "process":
        return transient.includes(where) ? [] : [line];
      default:
        throw new Error(`the snapshot has an unknown line: ${line}`);
    }
  };
  return dump.trimEnd().split("\n").flatMap(describe).sort();
}

/** Describes a link, address or route. @param names of the links of its namespace by their indices. */
function describeMessage(
  namespace: string,
  names: Map<number, string>,
  type: number,
  { header, attributes }: Message,
): string[] {
  if (type === message.route) return describeRoute(namespace, names, { header, attributes });
  const index = header.readUInt32LE(4);
  if (type === message.address) {
    const [, prefix = 0] = header;
    // IFA_LOCAL, else IFA_ADDRESS.
    const address = attributes.get(2) ?? attributes.get(1) ?? Buffer.alloc(0);
    const line = `link ${namespace} ${names.get(index)} address ${ipAddress(address)}/${prefix}`;
    return isLinkLocal(address) ? [] : [line];
  }
  names.set(index, attributes.text(attribute.name) ?? "");
  return describeLink(namespace, { header, attributes });
}

function describeRoute(
  namespace: string,
  names: Map<number, string>,
  { header, attributes }: Message,
): string[] {
  const [destination, device, cacheInfo] = [1, 4, 12];
  if (isLinkLocal(attributes.get(destination) ?? Buffer.alloc(0))) return [];
  const words = attributes.all
    .filter(([type]) => type !== cacheInfo)
    .map(
      ([type, value]) =>
        `${type} ${type === device ? names.get(value.readUInt32LE()) : value.toString("hex")}`,
    );
  // Without the flags, which the kernel sets and clears with the carrier.
  return [`route ${namespace} ${header.subarray(0, 8).toString("hex")} ${words.join(" ")}`];
}

function describeLink(where: string, { header, attributes }: Message): string[] {
  const name = `link ${where} ${attributes.text(attribute.name)}`;
  const flags = header.readUInt32LE(8);
  const bytes = attributes.get(attribute.address) ?? Buffer.alloc(0);
  // Bytes 12 to 19 of an IPoIB address are the port GUID; the bytes before are the QPN and the subnet prefix.
  const address = withColons(header.readUInt16LE(2) === INFINIBAND ? bytes.subarray(12) : bytes);
  const parent = attributes.text(attribute.parent) ?? "none";
  const up = flags & IFF_UP ? "up" : "down";
  return [
    `${name} ${withoutGuid(address)} mtu ${attributes.number(attribute.mtu)} ${up} of ${parent}`,
    `${name} settings ${settingsOf(flags, attributes)}`,
    ...attributes.nested(attribute.properties).all.map(([, altname]) => `${name} altname ${textOf(altname)}`),
    ...attributes.nested(attribute.vfs).all.map(([, vf]) => `${name} ${describeVf(new Attributes(vf))}`),
  ];
}

/** Describes a PF's settings of a VF (struct ifla_vf_mac, ifla_vf_link_state and ifla_vf_guid). */
function describeVf(vf: Attributes): string {
  const [mac, linkState, nodeGuid, portGuid] = [1, 5, 10, 11];
  const guid = (type: number) =>
    withoutGuid(withColons(Buffer.from(vf.get(type)?.subarray(8, 16) ?? []).reverse()));
  const state = linkStates[vf.get(linkState)?.readUInt32LE(4) ?? -1];
  return `vf ${vf.number(mac)} node ${guid(nodeGuid)} port ${guid(portGuid)} link ${state}`;
}

/** Returns everything that the kernel reports of a link and that is not on a separate line, by attribute. */
function settingsOf(flags: number, attributes: Attributes): string {
  const others: number[] = [...Object.values(attribute), ...Object.values(notSettings)];
  const settings = attributes.all
    .filter(([type]) => !others.includes(type))
    .map(([type, value]) => [type, value.toString("hex")]);
  const families = attributes.nested(attribute.families).all.map(([family, value]) => {
    const parts = new Attributes(value).all.filter(
      ([type]) => family !== AF_INET6 || !notIpv6Settings.includes(type),
    );
    return [
      `family ${family}`,
      Object.fromEntries(parts.map(([type, part]) => [type, part.toString("hex")])),
    ];
  });
  return JSON.stringify({
    flags: flags & settableFlags,
    alias: attributes.text(attribute.alias),
    ...Object.fromEntries([...settings, ...families]),
  });
}

function withoutGuid(text: string): string {
  return text.replace(/(00:){7}00|(ff:){7}ff|(0000:){3}0000|(ffff:){3}ffff/, "no-guid");
}

/** Reports whether an IPv6 address, or the destination of a route, is fe80:: or ff00::. */
function isLinkLocal(address: Buffer): boolean {
  const [first, second] = address;
  return address.length === 16 && ((first === 0xfe && second === 0x80) || (first === 0xff && second === 0));
}

/** Reports whether a file is state: not a lock file, a counter or host-local's note of released addresses. */
function isState(path: string): boolean {
  if (/^\/var\/lib\/cni\/ib-sriov\/(\.node|\.calls(\.new)?|\.vf\/[^/]+)$/.test(path)) return false;
  return !/^\/var\/lib\/cni\/networks\/[^/]+\/(lock|last_reserved_ip\.\d+)$/.test(path);
}
