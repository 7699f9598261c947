import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import type { Desired } from "../record/record.ts";
import type { AddRequest } from "../requests.ts";
import { netdevOf } from "../vf/netdev.ts";

/**
 * A VF that is attached without an interface (rdmaOnly) must have none, but RDMA devices.
 * @throws {CniError} where that is not so, or the network wants something of an interface.
 */
export function requireRdmaOnlyVf(node: Node, call: AddRequest, pci: string, wanted: Desired): void {
  const asked = wanted.mtu === undefined ? wanted.carrierTime && "waitForCarrierSeconds" : "mtu";
  if (asked !== undefined) {
    throw new CniError(
      codes.unsupportedField,
      `network configuration: rdmaOnly is set, and so is ${asked}, which is about an interface; remove one of them`,
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
      `rdmaOnly: VF ${pci} has no RDMA device on the host: either another network namespace holds it, or see dmesg`,
    );
  }
  warnOfSkippedIpam(call, "rdmaOnly");
}
