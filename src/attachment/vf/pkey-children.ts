import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { hostRdmaDevices } from "./host-rdma-devices.ts";
import { restoreRdmaNames } from "./rdma-names.ts";
import { rebind } from "./rebind.ts";

/**
 * Counts the pkey children of a VF's netdev, in whatever network namespaces they are. A child can be moved, or made,
 * where this process cannot look; the RDMA device shows how many netdevs IPoIB has made of it.
 * @param devices the VF's RDMA devices on the host.
 * @returns `undefined` if the kernel does not tell.
 * @throws {CniError} code 11 if another namespace holds the VF's RDMA device: nothing is known about it then.
 */
export function countPkeyChildren(
  node: Node,
  pci: string,
  devices: readonly RdmaDevice[],
): number | undefined {
  const netdevs = devices.length === 0 ? withoutRdmaDevice(node, pci) : countIpoibNetdevs(node, devices);
  // A kernel that hides its own objects shows none, not even that of the VF's netdev.
  if (netdevs === 0) return undefined;
  if (netdevs === 1) return 0;
  // A function with two ports has two netdevs of its own.
  const own = node.links.ofFunction(node.namespaces.host, pci).filter(({ child }) => !child);
  return netdevs - Math.max(own.length, 1);
}

function countIpoibNetdevs(node: Node, devices: readonly RdmaDevice[]): number {
  const { host } = node.namespaces;
  return devices.reduce((sum, { index }) => sum + (node.rdma.ipoibUse(host, index)?.netdevs ?? 0), 0);
}

function withoutRdmaDevice(node: Node, pci: string): number {
  const away = node.functions.rdmaDevicesAnywhere(pci);
  // A driver that makes no RDMA device makes no netdev of IPoIB either.
  if (away.length === 0) return 1;
  throw new CniError(
    codes.tryAgain,
    `another network namespace still holds the RDMA device ${away.join(", ")} of VF ${pci}`,
  );
}

/** Mostly the VF's devices have the names that ADD found. */
function currentRdmaDevices({ node, record }: StepContext): readonly RdmaDevice[] {
  const { pci } = record.vf;
  const { devices = [] } = record.found.rdma ?? {};
  const areCurrent = devices.length > 0 && node.functions.hasRdmaNames(pci, { devices, files: [] });
  return hostRdmaDevices(node, pci, areCurrent ? devices : undefined).own;
}

/**
 * Ends the pkey children that a container has made of the VF's netdev: they would carry traffic over the VF while the next
 * container has it. Those in the container's namespace are removed, all others are ended by a rebind.
 * @param home the VF's netdev, which is on the host.
 * @returns the netdev that the VF has afterwards.
 */
export function endPkeyChildren(attachment: StepContext, home: Link): Link {
  const { node, record, pod, warn } = attachment;
  const { pci } = record.vf;
  const count = () =>
    attempt(`count the pkey children of VF ${pci}`, () =>
      countPkeyChildren(node, pci, currentRdmaDevices(attachment)),
    );
  const first = count();
  if (first === 0) return home;
  if (first !== undefined && pod !== undefined) {
    removePkeyChildren(attachment, pod, home);
    if (count() === 0) return home;
  }
  warn(
    first === undefined
      ? `the kernel does not tell whether VF ${pci} has pkey children; its driver is bound again, which ends them`
      : `VF ${pci} has pkey children outside of its container; its driver is bound again, which ends them`,
  );
  const link = rebind(attachment);
  restoreRdmaNames(attachment);
  if (link === undefined) throw new Error(`VF ${pci} has no netdev`);
  return link;
}

/** Removes those in the container's namespace. One that cannot be removed is ended by a rebind, which needs no success here. */
function removePkeyChildren({ node, record, warn }: StepContext, pod: Namespace, home: Link): void {
  try {
    for (const { index } of pkeyChildrenIn(node, pod, home)) node.links.remove(pod, index);
  } catch (error) {
    warn(`cannot remove the pkey children of VF ${record.vf.pci} from ${record.netns}: ${messageOf(error)}`);
  }
}

/**
 * The pkey children of a VF's netdev in a namespace, by looking at all IPoIB netdevs that are there: those without a device of
 * their own that have the VF's port GUID. IFLA_LINK does not tell: of a lower netdev in another namespace IPoIB gives the
 * index only, which another netdev can have in this one. It misses a child that was made with an address of its own.
 */
export function pkeyChildrenIn(node: Node, where: Namespace, netdev: Link): Link[] {
  const guid = portGuidOf(netdev.address);
  if (guid === undefined) return [];
  const links = node.links.ofIpoib(where);
  return links.filter(
    ({ pci, child, address }) => (pci === undefined || child) && portGuidOf(address) === guid,
  );
}
