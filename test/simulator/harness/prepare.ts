import type { Guid } from "../../../src/infiniband/guid.ts";
import { addAltnames, rename, setMtu } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { type Netdev, virtual } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";

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
  const netdev = host.ofFunction(pci)[0]?.[1];
  const device = vf.probed?.devices[0];
  if (device !== undefined) bus.rdma.rename(device, name);
  if (netdev === undefined) throw new Error(`VF ${pci} has no netdev`);
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
