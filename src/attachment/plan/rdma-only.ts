import { CniError, codes } from "../../cni/errors.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import { netdevOf } from "../vf/netdev.ts";
import type { AddSession } from "./add-session.ts";

/**
 * Requires that a VF that is attached without an interface (rdmaOnly) has no netdev, and has an RDMA device.
 * @throws {CniError} if it does not.
 */
export function requireRdmaOnlyVf({ node, request, vf: { pci } }: AddSession): void {
  const netdev = netdevOf(node, node.namespaces.host, pci);
  if (netdev !== undefined) {
    throw new CniError(
      codes.badConfiguration,
      `rdmaOnly: VF ${pci} has the netdev ${netdev.name}, which would stay on the host; remove rdmaOnly`,
    );
  }
  if (node.functions.rdmaDevices(pci).length === 0) {
    throw new CniError(
      codes.node,
      `rdmaOnly: VF ${pci} has no RDMA device on the host: another network namespace has it, or see dmesg`,
    );
  }
  warnOfSkippedIpam(request, "rdmaOnly");
}
