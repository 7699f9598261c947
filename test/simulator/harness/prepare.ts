import type { Guid } from "../../../src/infiniband/guid.ts";
import { addAltnames, rename, setMtu } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { type Netdev, virtual } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";

/** The driver of all functions. */
export const driver = "mlx5_core";
/** The MTU that a VF was given. */
export const mtu = 1800;

/** What a VF is given. */
export interface InitialState {
  readonly name: string;
  readonly altname: string;
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
}

/** Gives a VF something to lose: GUIDs that are in effect, names, an alternative one, an MTU, being up. */
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
  // Nothing of it is what a new netdev has.
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
 * A pod's namespace with an interface of its own: of a name that the host has, too, and of a number that on the
 * host is another's. IPv6 is off for what comes.
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
