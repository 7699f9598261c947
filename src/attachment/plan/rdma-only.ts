import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import type { Desired } from "../record/record.ts";
import type { AddRequest } from "../requests.ts";
import { netdevOf } from "../vf/netdev.ts";

/**
 * Requires that a VF that is attached without an interface (rdmaOnly) has no netdev, and has an RDMA device.
 * @throws {CniError} if it does not, or if the network configuration sets a key for an interface.
 */
export function requireRdmaOnlyVf(node: Node, call: AddRequest, pci: string, wanted: Desired): void {
  const asked = wanted.mtu === undefined ? wanted.carrierTime && "waitForCarrierSeconds" : "mtu";
  if (asked !== undefined) {
    throw new CniError(
      codes.unsupportedField,
      `network configuration: rdmaOnly is set, but ${asked} needs an interface; remove either key`,
    );
  }
  const netdev = attempt(`look for a netdev of VF ${pci}`, () => netdevOf(node, node.namespaces.host, pci));
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
  warnOfSkippedIpam(call, "rdmaOnly");
}
