import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import { portGuidOf } from "../infiniband/hardware-address.ts";
import type { Link } from "../node/links.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { attempt } from "./failure.ts";
import type { Locks } from "./locks.ts";
import { restoreRdmaNames } from "./rdma-names.ts";
import { rebind } from "./rebind.ts";

/**
 * Counts the pkey children of a VF's netdev, in whatever network namespaces they are. A child can be moved, or made,
 * where this process cannot look; the RDMA device shows how many netdevs IPoIB has made of it.
 * @param devices names that the VF's RDMA devices probably have.
 * @returns `undefined` if the kernel does not tell.
 * @throws {CniError} code 11 if another namespace holds the VF's RDMA device: nothing is known about it then.
 */
export function countPkeyChildren(
  node: Node,
  locks: Locks,
  pci: string,
  devices: readonly string[],
): number | undefined {
  const netdevs = countIpoibNetdevs(node, locks, pci, devices);
  // A kernel that hides its own objects shows none, not even that of the VF's netdev.
  if (netdevs === undefined || netdevs === 0) return undefined;
  if (netdevs === 1) return 0;
  // A function with two ports has two netdevs of its own.
  const own = node.links.ofFunction(node.namespaces.host, pci).filter(({ child }) => !child);
  return netdevs - Math.max(own.length, 1);
}

function countIpoibNetdevs(
  node: Node,
  locks: Locks,
  pci: string,
  devices: readonly string[],
): number | undefined {
  const { host } = node.namespaces;
  const { rdmaNumber } = locks;
  if (rdmaNumber !== undefined && devices.length === 1) {
    const use = node.rdma.ipoibUse(host, rdmaNumber);
    if (use !== undefined && use.device === devices[0]) return use.netdevs;
  }
  const names = node.functions.rdmaDevices(pci);
  if (names.length === 0) {
    const away = node.functions.rdmaDevicesAnywhere(pci);
    // A driver that makes no RDMA device makes no netdev of IPoIB either.
    if (away.length === 0) return 1;
    throw new CniError(
      codes.tryAgain,
      `another network namespace still holds the RDMA device ${away.join(", ")} of VF ${pci}`,
    );
  }
  const all = node.rdma.devices(host);
  const own = all.filter(({ name }) => names.includes(name));
  const first = own[0];
  if (first === undefined) return undefined;
  locks.noteRdmaNumbers(first.index, Math.max(...all.map(({ index }) => index)));
  return own.reduce((sum, { index }) => sum + (node.rdma.ipoibUse(host, index)?.netdevs ?? 0), 0);
}

/**
 * Ends the pkey children that a container has made of the VF's netdev: they would carry traffic over the VF while the next
 * container has it. Those in the container's namespace are removed, all others are ended by a rebind.
 * @param home the VF's netdev, which is on the host.
 * @returns the netdev that the VF has afterwards.
 */
export function endPkeyChildren(attachment: Attachment, home: Link): Link {
  const { node, record, locks, pod, warn } = attachment;
  const { pci } = record.vf;
  const count = () =>
    attempt(`count the pkey children of VF ${pci}`, () =>
      countPkeyChildren(node, locks, pci, record.found.rdma?.devices ?? []),
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
function removePkeyChildren({ node, record, warn }: Attachment, pod: Namespace, home: Link): void {
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
