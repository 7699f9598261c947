import type { Guid } from "../../../src/infiniband/guid.ts";
import { addAltnames, rename, setMtu, setSettings } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { type Netdev, virtual } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";
import type { Pod } from "./requests.ts";

/** The driver of all functions. */
export const driver = "mlx5_core";
/** The MTU of a prepared VF. */
export const mtu = 1800;

/** The settings of a prepared VF. */
export interface InitialState {
  readonly name: string;
  readonly altname: string;
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
}

/** Gives a VF settings that could be lost: GUIDs in effect, a name, an alternative name, an MTU, admin state up. */
export function prepareVf(
  machine: Machine,
  pci: string,
  { name, altname, nodeGuid, portGuid }: InitialState,
): Netdev {
  const { bus, host } = machine;
  const vf = bus.vf(pci, "set up");
  vf.adminNodeGuid = nodeGuid;
  vf.adminPortGuid = portGuid;
  bus.unbind(pci, driver);
  bus.bind(pci, driver);
  const netdev = netdevOnHost(machine, pci);
  const device = vf.probed?.devices[0];
  if (device !== undefined) bus.rdma.rename(device, name);
  rename(host, netdev, name);
  addAltnames(host, netdev, [altname]);
  setMtu(host, netdev, mtu);
  // No setting has the default of a new netdev.
  netdev.link = {
    ...netdev.link,
    txQueueLength: 300,
    group: 3,
    gsoMaxSize: 32_768,
    gsoIpv4MaxSize: 32_768,
    gsoMaxSegments: 100,
    groMaxSize: 32_767,
    groIpv4MaxSize: 32_766,
    alias: "rail",
    umcast: 1,
  };
  machine.setUp(host, netdev, true);
  return netdev;
}

/**
 * Adds a pod's namespace with an interface whose name the host has, too, and whose index belongs to another interface
 * on the host. IPv6 is disabled for interfaces that come later.
 */
export function addPod(machine: Machine, path: string, number: number): Netns {
  const namespace = machine.addNamespace(path);
  const own = virtual();
  namespace.add(own, "eth0", number);
  machine.setUp(namespace, own, true);
  own.addresses.push({ cidr: "192.0.2.1/24", tentative: false, dadFailed: false });
  namespace.defaults.set("ipv6/disable_ipv6", "1");
  return namespace;
}

/** Returns the netdev of a function that is on the host. */
export function netdevOnHost({ host }: Machine, pci: string): Netdev {
  const netdev = host.ofFunction(pci)[0]?.[1];
  if (netdev === undefined) throw new Error(`function ${pci} has no netdev on the host`);
  return netdev;
}

/** Returns the interface of a pod, and its namespace. */
export function interfaceOf(
  { paths }: Machine,
  pod: Pod,
): { readonly netns: Netns; readonly index: number; readonly netdev: Netdev } {
  const netns = paths.get(pod.netns);
  const [index, netdev] = netns?.named(pod.ifname) ?? [];
  if (netns === undefined || index === undefined || netdev === undefined)
    throw new Error(`container ${pod.containerId} has no interface ${pod.ifname}`);
  return { netns, index, netdev };
}

/** Changes everything that RTM_NEWLINK sets, and attaches an XDP program. */
export function changeSettings(pod: Netns, netdev: Netdev): void {
  setSettings(pod, netdev, {
    ...netdev.link,
    flags: 0x83a4,
    txQueueLength: 7,
    group: 5,
    linkMode: 1,
    gsoMaxSize: 1500,
    gsoMaxSegments: 3,
    gsoIpv4MaxSize: 1502,
    groMaxSize: 1501,
    groIpv4MaxSize: 1503,
    alias: "mine",
    broadcast: "00ffffffff12401bffff000000000000fffffffe",
    mode: 1,
    umcast: 0,
  });
  setMtu(pod, netdev, 65_520);
  netdev.link = { ...netdev.link, xdpGeneric: 9 };
  netdev.tuning = [
    "gro_flush_timeout=1000000000",
    "threaded=1",
    "queues/rx-0/rps_cpus=3",
    "queues/tx-0/byte_queue_limits/limit_max=1",
    "features=0,400",
    "coalesce=4d,9",
  ];
}

/** Reboots a node: it has another boot ID, new namespaces at the same paths, and new VFs at the same addresses. */
export function reboot(machine: Machine): void {
  machine.bootId = "7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11";
  for (const path of [...machine.paths.keys()]) {
    machine.deleteNamespace(path);
    machine.addNamespace(path);
  }
  machine.time.settle();
  for (const pf of machine.bus.pfs.keys()) machine.bus.recreateVfs(pf);
}
