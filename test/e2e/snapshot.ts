/** One route in the output of `ip -j route`. */
interface RouteDump {
  readonly dst: string;
  /** The kernel sets and clears these with the carrier. */
  readonly flags: readonly string[];
}

/** One netdev in the output of `ip -j -d address`, with the attributes that matter here. */
interface LinkDump {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address: string;
  readonly link_type: string;
  readonly altnames?: readonly string[];
  readonly parentdev?: string;
  readonly vfinfo_list?: readonly VfDump[];
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
  /** All other attributes: txqlen, group, linkinfo … */
  readonly [attribute: string]: unknown;
}

/** Attributes of netdevs that the snapshot has on separate lines, and attributes that the kernel changes by itself. */
const notSettings = [
  ...["ifname", "mtu", "address", "altnames", "parentdev", "parentbus", "vfinfo_list", "addr_info"],
  ...["ifindex", "operstate", "qdisc", "flags", "link_index", "link_netnsid"],
];
/** Flags of netdevs that an administrator sets, besides UP, as `ip` spells them. */
const settableFlags = ["DEBUG", "NOTRAILERS", "NOARP", "PROMISC", "ALLMULTI", "MULTICAST", "DYNAMIC"];

interface VfDump {
  readonly vf: number;
  readonly link_state: string;
  readonly "node guid": string;
  readonly "port guid": string;
}

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
  const describe = (line: string): string[] => {
    const [kind = "", where = "", ...words] = line.split(" ");
    const rest = words.join(" ");
    switch (kind) {
      case "namespace":
        namespace = where;
        return [line];
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
        return describeDevices(namespace, line);
    }
  };
  return dump.trimEnd().split("\n").flatMap(describe).sort();
}

function describeDevices(namespace: string, json: string): string[] {
  return (JSON.parse(json) as (LinkDump | RouteDump)[]).flatMap((each) =>
    "ifname" in each ? describeLink(namespace, each) : describeRoute(namespace, each),
  );
}

function describeRoute(namespace: string, { flags: _, ...route }: RouteDump): string[] {
  const words = Object.entries(route).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  return isLinkLocal(route.dst) ? [] : [`route ${namespace} ${words.join(" ")}`];
}

function describeLink(where: string, link: LinkDump): string[] {
  const name = `link ${where} ${link.ifname}`;
  // Bytes 12 to 19 of an IPoIB address are the port GUID; the bytes before are the QPN and the subnet prefix.
  const address = link.link_type === "infiniband" ? link.address.slice(-23) : link.address;
  const up = link.flags.includes("UP") ? "up" : "down";
  return [
    `${name} ${withoutGuid(address)} mtu ${link.mtu} ${up} of ${link.parentdev ?? "none"}`,
    `${name} settings ${settingsOf(link)}`,
    ...(link.altnames ?? []).map((altname) => `${name} altname ${altname}`),
    ...link.addr_info
      .filter(({ local }) => !isLinkLocal(local))
      .map(({ local, prefixlen }) => `${name} address ${local}/${prefixlen}`),
    ...(link.vfinfo_list ?? []).map(
      (vf) =>
        `${name} vf ${vf.vf} node ${withoutGuid(vf["node guid"])} port ${withoutGuid(vf["port guid"])} ` +
        `link ${vf.link_state}`,
    ),
  ];
}

/** Returns everything that `ip -d link` shows of a netdev and that is not on a separate line. */
function settingsOf(link: LinkDump): string {
  const settings = Object.entries(link).filter(([key]) => !notSettings.includes(key));
  const flags = link.flags.filter((flag) => settableFlags.includes(flag));
  return JSON.stringify(Object.fromEntries([["flags", flags], ...settings]));
}

function withoutGuid(text: string): string {
  return text.replace(/(00:){7}00|(ff:){7}ff|(0000:){3}0000|(ffff:){3}ffff/, "no-guid");
}

function isLinkLocal(text: string): boolean {
  return /^(fe80|ff00)::/.test(text);
}

/** Reports whether a file is state: not a lock file, a counter or host-local's note of released addresses. */
function isState(path: string): boolean {
  if (/^\/var\/lib\/cni\/ib-sriov\/(\.node|\.calls(\.new)?|\.vf\/[^/]+)$/.test(path)) return false;
  return !/^\/var\/lib\/cni\/networks\/[^/]+\/(lock|last_reserved_ip\.\d+)$/.test(path);
}
