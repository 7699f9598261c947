import type { Guid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { netdevOf } from "./netdev.ts";
import { rdmaDevicesIn } from "./rdma-devices.ts";

/**
 * The GUIDs that a VF runs with, which are those that its driver latched when it was bound: the node GUID out
 * of its RDMA device, the port GUID out of its netdev's address.
 * @param pod where to look for what is not on the host.
 * @param netdev the netdev, where the caller has just looked; "none": the VF is one that has none, and its RDMA device
 * tells both. (One that should have a netdev and has not is half-probed, and runs with nothing.)
 * @param rdmaDevices names of its RDMA devices on the host, where the caller has just looked.
 */
export function effectiveGuids(
  node: Node,
  pci: string,
  pod: Namespace | undefined,
  netdev: Link | "none" | undefined,
  rdmaDevices = node.functions.rdmaDevices(pci) as readonly string[],
): GuidPair {
  const nodeGuid = effectiveNodeGuid(node, pci, pod, rdmaDevices);
  if (netdev === "none") return { node: nodeGuid, port: portGuidOfDevice(node, pci, rdmaDevices) };
  const link =
    netdev ??
    netdevOf(node, node.namespaces.host, pci) ??
    (pod === undefined ? undefined : netdevOf(node, pod, pci));
  return { node: nodeGuid, port: link === undefined ? undefined : portGuidOf(link.address) };
}

/** The port GUID of a VF without a netdev; undefined where it has no RDMA device on the host either. */
export function portGuidOfDevice(node: Node, pci: string, rdmaDevices: readonly string[]): Guid | undefined {
  const device = rdmaDevices[0];
  return device === undefined ? undefined : node.functions.portGuid(pci, device);
}

/** How often a VF's RDMA devices are listed while udev renames them between the listing and the look. */
const attempts = 3;

/** Returns the node GUID alone; `undefined` if the VF has no RDMA device that can be seen. */
export function effectiveNodeGuid(
  node: Node,
  pci: string,
  pod: Namespace | undefined,
  rdmaDevices = node.functions.rdmaDevices(pci) as readonly string[],
): Guid | undefined {
  let device = rdmaDevices[0];
  for (let attempt = 0; device !== undefined && attempt < attempts; attempt++) {
    const guid = node.functions.nodeGuid(pci, device);
    if (guid !== undefined) return guid;
    device = node.functions.rdmaDevices(pci)[0];
  }
  return pod === undefined ? undefined : rdmaDevicesIn(node, pci, pod)[0]?.nodeGuid;
}
