import * as host from "host";
import type { Route, RouteState } from "../../ip/route.ts";
import { dumpAddresses, parseNewAddress } from "../../netlink/address.ts";
import { EINVAL } from "../../netlink/errno.ts";
import { parseIpoibPKey } from "../../netlink/ipoib.ts";
import { dumpLinksOfKind, getLinkByIndex, getLinkByName, parseLink } from "../../netlink/link.ts";
import { addAltnames, moveLink, removeAltnames, removeLink, setLink } from "../../netlink/link-changes.ts";
import { detachXdp, setLinkSettings } from "../../netlink/link-settings.ts";
import type { Message, Request } from "../../netlink/message.ts";
import { dumpRoutes, parseRouteInfo } from "../../netlink/route.ts";
import { parseVfConfig, parseVfGuids, setVfConfig } from "../../netlink/vf.ts";
import { parseVfTraffic } from "../../netlink/vf-traffic.ts";
import type { LinkSettings } from "../../node/link-settings.ts";
import type {
  AddressState,
  InterfaceAddress,
  Link,
  Links,
  VfConfig,
  VfTraffic,
  Watch,
} from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { NetdevTuning } from "../../node/netdev-tuning.ts";
import type { PciFunctions } from "../../node/pci-functions.ts";
import { containerNetdevsOf, hostNetdevsOf } from "../pci/netdevs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import type { Waits } from "../waits.ts";
import { configureLink } from "./configuration.ts";
import { asLinuxNamespace } from "./namespace.ts";
import type { LinuxNamespaces } from "./namespaces.ts";
import { readTuning, writeTuning } from "./netdev-tuning.ts";
import { LinuxWatch } from "./watch.ts";

/**
 * The largest MTU of IPoIB in connected mode, then the MTUs in datagram mode: the MTUs of Omni-Path ports (10,240,
 * 8,192) and of InfiniBand ports (4,096 to 256), less the header of IPoIB.
 */
const PORT_MTUS = [65_520, 10_236, 8188, 4092, 2044, 1020, 508, 252];

/** Attach types of tcx programs, enum bpf_attach_type of linux/bpf.h. */
const BPF_TCX_INGRESS = 46;
const BPF_TCX_EGRESS = 47;
/** The errnos of kernels without tcx or without BPF, and of early kernels with tcx if no program is attached. */
const NO_TCX = ["EINVAL", "ENOSYS", "ENOENT"];

/** Netdevs, by rtnetlink. */
export class LinuxLinks implements Links {
  constructor(
    private readonly namespaces: LinuxNamespaces,
    private readonly functions: PciFunctions,
    private readonly waits: Waits,
  ) {}

  byName(where: Namespace, name: string): Link | undefined {
    return find(where, getLinkByName(name), parseLink);
  }

  byIndex(where: Namespace, index: number): Link | undefined {
    return find(where, getLinkByIndex(index), parseLink);
  }

  pkey(where: Namespace, index: number): number | undefined {
    return find(where, getLinkByIndex(index), parseIpoibPKey);
  }

  ofFunction(where: Namespace, pci: string): Link[] {
    const namespace = asLinuxNamespace(where);
    if (namespace !== this.namespaces.host) return containerNetdevsOf(namespace, pci);
    return hostNetdevsOf(namespace, this.functions, pci, { withVfs: false });
  }

  ofIpoib(where: Namespace): readonly Link[] {
    return asLinuxNamespace(where).rtnetlink.dump(dumpLinksOfKind("ipoib"), parseLink);
  }

  remove(where: Namespace, index: number): void {
    asLinuxNamespace(where).rtnetlink.request([removeLink(index)]);
  }

  physical(pf: string, vf: number): ReturnType<Links["physical"]> {
    const link = hostNetdevsOf(this.namespaces.host, this.functions, pf, { withVfs: true }).find(
      ({ child }) => !child,
    );
    return link && { link, vf: parseVfConfig(link, vf), guids: () => parseVfGuids(link) };
  }

  vfTraffic(pf: string): VfTraffic[] {
    const netdevs = hostNetdevsOf(this.namespaces.host, this.functions, pf, { withVfs: "with traffic" });
    const netdev = netdevs.find(({ child }) => !child);
    return netdev === undefined ? [] : parseVfTraffic(netdev);
  }

  setVfConfig(pf: number, vf: number, wanted: Partial<VfConfig>): void {
    this.namespaces.host.rtnetlink.request(setVfConfig(pf, vf, wanted));
  }

  move(
    from: Namespace,
    index: number,
    to: Namespace,
    name: string,
    wanted: { readonly mtu?: number; readonly up?: boolean } = {},
  ): void {
    asLinuxNamespace(from).rtnetlink.request([moveLink(index, asLinuxNamespace(to).fd, name, wanted)]);
  }

  set(
    where: Namespace,
    index: number,
    wanted: { readonly name?: string; readonly mtu?: number; readonly up?: boolean },
  ): void {
    const { name, mtu, up } = wanted;
    // Within one message the kernel renames before it changes the admin state, and before 6.2 it does not rename a
    // netdev that is up. So "down" is a separate message before, and "up" comes last.
    const requests: Request[] = [];
    if (up === false) requests.push(setLink(index, { up }));
    if (name !== undefined || mtu !== undefined || up === true) {
      requests.push(setLink(index, { name, mtu, up: up === true ? true : undefined }));
    }
    asLinuxNamespace(where).rtnetlink.request(requests);
  }

  setMtu(where: Namespace, index: number, mtu: number): number {
    const { rtnetlink } = asLinuxNamespace(where);
    let refusal: unknown;
    for (const each of [mtu, ...PORT_MTUS.filter((allowed) => allowed < mtu)]) {
      const [outcome] = rtnetlink.exchange([setLink(index, { mtu: each })]);
      if (outcome?.errno === 0) return each;
      refusal ??= outcome?.error;
      if (outcome?.errno !== EINVAL) break;
    }
    throw refusal;
  }

  tcxPrograms(index: number): number[] | undefined {
    const programs = (attachType: number) =>
      new Uint32Array(host.bpfPrograms(index, attachType, NO_TCX)?.buffer ?? []);
    // Without CAP_BPF, or if a seccomp filter denies the call, the programs are unknown.
    return valueUnlessErrno<number[] | undefined>(["EPERM"], undefined, () => [
      ...programs(BPF_TCX_INGRESS),
      ...programs(BPF_TCX_EGRESS),
    ]);
  }

  setSettings(where: Namespace, index: number, now: LinkSettings, settings: LinkSettings): void {
    const unlessOriginal = (current: number, original: number) => (current === original ? 0 : current);
    asLinuxNamespace(where).rtnetlink.request([
      setLinkSettings(index, settings),
      ...detachXdp(index, {
        ...now,
        xdpGeneric: unlessOriginal(now.xdpGeneric, settings.xdpGeneric),
        xdpDriver: unlessOriginal(now.xdpDriver, settings.xdpDriver),
        xdpHardware: unlessOriginal(now.xdpHardware, settings.xdpHardware),
      }),
    ]);
  }

  tuning(pci: string, netdev: Link, known?: NetdevTuning): NetdevTuning | undefined {
    return readTuning(this.namespaces.host.socket, pci, netdev, known);
  }

  setTuning(pci: string, netdev: string, entry: string): void {
    writeTuning(this.namespaces.host.socket, pci, netdev, entry);
  }

  addAltnames(where: Namespace, index: number, names: readonly string[]): void {
    for (const some of inParts(names)) asLinuxNamespace(where).rtnetlink.request([addAltnames(index, some)]);
  }

  removeAltnames(where: Namespace, index: number, names: readonly string[]): void {
    for (const some of inParts(names))
      asLinuxNamespace(where).rtnetlink.request([removeAltnames(index, some)]);
  }

  configure(
    where: Namespace,
    index: number,
    addresses: readonly InterfaceAddress[],
    routes: readonly Route[],
  ): void {
    configureLink(asLinuxNamespace(where).rtnetlink, index, addresses, routes);
  }

  addresses(where: Namespace, index: number): AddressState[] {
    const states: AddressState[] = [];
    for (const info of asLinuxNamespace(where).rtnetlink.dump(dumpAddresses(index), parseNewAddress)) {
      // Kernels before 4.20 list the addresses of all netdevs.
      if (info.link !== index) continue;
      states.push({ cidr: info.cidr, tentative: info.tentative, dadFailed: info.dadFailed });
    }
    return states;
  }

  routes(where: Namespace, index: number, family: 4 | 6): RouteState[] {
    const request = dumpRoutes(index, family);
    return asLinuxNamespace(where)
      .rtnetlink.dump(request, (message) => parseRouteInfo(message, index))
      .flat();
  }

  watch(where: Namespace, what: "links" | "addresses"): Watch {
    return new LinuxWatch(asLinuxNamespace(where), what, this.waits);
  }
}

/** Alternative names in one request: of 127 bytes each, they take half of the longest attribute. */
const ALTNAMES = 256;

function inParts(names: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (let at = 0; at < names.length; at += ALTNAMES) parts.push(names.slice(at, at + ALTNAMES));
  return parts;
}

/** Requests one netdev, and returns what `read` reads from the reply; `undefined` if the netdev does not exist. */
function find<T>(where: Namespace, request: Request, read: (message: Message) => T): T | undefined {
  const reply = asLinuxNamespace(where).rtnetlink.get(request);
  return reply && read(reply);
}
