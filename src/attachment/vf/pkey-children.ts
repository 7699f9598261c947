import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { isFileName } from "../../node/pci-functions.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import type { StepContext } from "../context.ts";
import { hostRdmaDevices, reasonToRebind } from "./rdma-devices.ts";
import { restoreRdmaNames } from "./rdma-names.ts";
import { rebind } from "./rebind.ts";

/**
 * Counts the pkey children of a VF's netdev in all network namespaces. A child can be moved to, or made in, a namespace
 * that this process cannot read; so the count is the number of netdevs that IPoIB has made of the RDMA device.
 * @param devices the VF's RDMA devices on the host.
 * @returns `undefined` if the kernel does not report that number.
 * @throws {CniError} code 11 if another namespace holds the VF's RDMA device, so that it cannot be read.
 */
export function countPkeyChildren(
  node: Node,
  pci: string,
  devices: readonly RdmaDevice[],
): number | undefined {
  const netdevs = devices.length === 0 ? withoutRdmaDevice(node, pci) : countIpoibNetdevs(node, devices);
  // Some kernels report only the objects of processes. Then the number is zero, although the VF's netdev has one.
  if (netdevs === 0) return undefined;
  if (netdevs === 1) return 0;
  // A function with two ports has two netdevs that are not children.
  const own = node.links.ofFunction(node.namespaces.host, pci).filter(({ child }) => !child);
  return netdevs - Math.max(own.length, 1);
}

function countIpoibNetdevs(node: Node, devices: readonly RdmaDevice[]): number {
  const { host } = node.namespaces;
  return devices.reduce((sum, { index }) => sum + (node.rdma.ipoibUse(host, index)?.netdevs ?? 0), 0);
}

function withoutRdmaDevice(node: Node, pci: string): number {
  const away = node.functions.rdmaDevicesAnywhere(pci);
  // Without an RDMA device the VF has no IPoIB netdev and so no children, which the number 1 stands for.
  if (away.length === 0) return 1;
  const hidden = away.find((name) => !isFileName(name));
  if (hidden !== undefined) {
    throw new CniError(
      codes.node,
      `the RDMA device of VF ${pci} has the name ${JSON.stringify(hidden)}, which a container has given it, and under ` +
        "which sysfs cannot show it; a rebind gives it another name: " +
        `echo ${pci} >/sys/bus/pci/devices/${pci}/driver/unbind; ib-sriov bind ${pci}`,
    );
  }
  throw new CniError(
    codes.tryAgain,
    `another network namespace still holds the RDMA device ${away.join(", ")} of VF ${pci}`,
  );
}

/** Returns the VF's RDMA devices on the host. They mostly have their original names, which saves a listing. */
function currentRdmaDevices({ node, record }: StepContext): readonly RdmaDevice[] {
  const { pci } = record.vf;
  const { devices = [] } = record.originals.rdma ?? {};
  const areCurrent = devices.length > 0 && node.functions.hasRdmaNames(pci, { devices, files: [] });
  return hostRdmaDevices(node, pci, areCurrent ? devices : undefined).own;
}

/**
 * Ends what could carry traffic over the VF while the next container has it: processes that use the VF's RDMA device,
 * and pkey children that a container has made of the VF's netdev. Children in the container's namespace are removed; a
 * rebind ends everything else.
 * @param netdev the VF's netdev, which is on the host.
 * @returns the netdev that the VF has afterwards.
 */
export function endTraffic(attachment: StepContext, netdev: Link): Link {
  const why = trafficOf(attachment, netdev);
  if (why === undefined) return netdev;
  attachment.warn(why);
  const link = rebind(attachment);
  restoreRdmaNames(attachment);
  if (link === undefined) throw new Error(`VF ${attachment.record.vf.pci} has no netdev`);
  return link;
}

/** Removes the pkey children in the container, and returns why the VF must be rebound; `undefined` if it need not be. */
function trafficOf(attachment: StepContext, netdev: Link): string | undefined {
  const { node, record, containerNetns } = attachment;
  const { pci } = record.vf;
  const devices = currentRdmaDevices(attachment);
  const reason = reasonToRebind(attachment, devices);
  if (reason !== undefined) return reason;
  const first = countPkeyChildren(node, pci, devices);
  if (first === 0) return undefined;
  if (first === undefined)
    return `the kernel does not report whether VF ${pci} has pkey children; its driver is bound again, which ends them`;
  if (containerNetns !== undefined) {
    removePkeyChildren(attachment, containerNetns, netdev);
    if (countPkeyChildren(node, pci, currentRdmaDevices(attachment)) === 0) return undefined;
  }
  return `VF ${pci} has pkey children outside of its container; its driver is bound again, which ends them`;
}

/**
 * Removes the pkey children in the container's namespace. A failure is only a warning, because the rebind that follows
 * ends the remaining children.
 */
function removePkeyChildren(
  { node, record, warn }: StepContext,
  containerNetns: Namespace,
  netdev: Link,
): void {
  try {
    for (const { index } of pkeyChildrenIn(node, containerNetns, netdev))
      node.links.remove(containerNetns, index);
  } catch (error) {
    warn(`cannot remove the pkey children of VF ${record.vf.pci} from ${record.netns}: ${messageOf(error)}`);
  }
}

/**
 * Returns the pkey children of a VF's netdev in a namespace: among all IPoIB netdevs there, those without a PCI device
 * that have the VF's port GUID. IFLA_LINK cannot identify them: for a lower netdev in another namespace, IPoIB reports
 * only the index, which another netdev can have in this namespace. A child that was made with its own address is not
 * found.
 */
export function pkeyChildrenIn(node: Node, where: Namespace, netdev: Link): Link[] {
  const guid = portGuidOf(netdev.address);
  if (guid === undefined) return [];
  const links = node.links.ofIpoib(where);
  return links.filter(
    ({ pci, child, address }) => (pci === undefined || child) && portGuidOf(address) === guid,
  );
}
