import type { Guid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { netdevOf } from "./netdev.ts";
import { rdmaDevicesIn } from "./rdma-devices.ts";

/**
 * Returns the GUIDs that a VF runs with. Its driver read them when it was bound. The node GUID is read from the RDMA
 * device, and the port GUID from the netdev's address.
 * @param containerNetns the namespace in which to look for devices that are not on the host.
 * @param netdev the netdev, if the caller has just read it; "none" if the VF has no netdev by design, so that both
 * GUIDs are read from its RDMA device. (A VF that should have a netdev and lacks it was probed only partly, and runs
 * with no GUID.)
 * @param rdmaDevices names of its RDMA devices on the host, if the caller has just read them.
 */
export function effectiveGuids(
  node: Node,
  pci: string,
  containerNetns: Namespace | undefined,
  netdev: Link | "none" | undefined,
  rdmaDevices = node.functions.rdmaDevices(pci) as readonly string[],
): GuidPair {
  const nodeGuid = effectiveNodeGuid(node, pci, containerNetns, rdmaDevices);
  if (netdev === "none") return { node: nodeGuid, port: portGuidOfDevice(node, pci, rdmaDevices) };
  const link =
    netdev ??
    netdevOf(node, node.namespaces.host, pci) ??
    (containerNetns === undefined ? undefined : netdevOf(node, containerNetns, pci));
  return { node: nodeGuid, port: link === undefined ? undefined : portGuidOf(link.address) };
}

/** Returns the port GUID of a VF without a netdev; `undefined` if it has no RDMA device on the host. */
export function portGuidOfDevice(node: Node, pci: string, rdmaDevices: readonly string[]): Guid | undefined {
  const device = rdmaDevices[0];
  return device === undefined ? undefined : node.functions.portGuid(pci, device);
}

/** How often a VF's RDMA devices are listed if udev renames them after the listing and before the read. */
const attempts = 3;

/** Returns the node GUID alone; `undefined` if the VF has no RDMA device on the host or in `pod`. */
export function effectiveNodeGuid(
  node: Node,
  pci: string,
  containerNetns: Namespace | undefined,
  rdmaDevices = node.functions.rdmaDevices(pci) as readonly string[],
): Guid | undefined {
  let device = rdmaDevices[0];
  for (let attempt = 0; device !== undefined && attempt < attempts; attempt++) {
    const guid = node.functions.nodeGuid(pci, device);
    if (guid !== undefined) return guid;
    device = node.functions.rdmaDevices(pci)[0];
  }
  return containerNetns === undefined ? undefined : rdmaDevicesIn(node, pci, containerNetns)[0]?.nodeGuid;
}
