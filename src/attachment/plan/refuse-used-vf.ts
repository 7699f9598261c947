import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import { childrenOf, globalAddresses, masterOf } from "../in-use/host-use.ts";
import type { HostRdmaDevices } from "../vf/rdma-devices.ts";
import type { AddSession } from "./add-session.ts";

/**
 * Refuses a VF that the host uses, because the host would lose it without any notice.
 * @param netdev of the VF, on the host.
 * @throws {CniError} code 101 if the netdev has a master or pkey children.
 */
export function requireUnused({ node, vf: { pci } }: AddSession, netdev: Link, rdma: HostRdmaDevices): void {
  const use = masterOf(node, netdev) ?? childrenOf(node, pci, netdev, rdma);
  if (use === undefined) return;
  throw new CniError(codes.deviceInUse, `VF ${pci} is in use by the host: ${use.why}; ${use.remedy}`);
}

/** Warns of addresses that the host has given to a VF's netdev: the netdev loses them when it leaves the host. */
export function warnOfAddresses({ node, vf: { pci }, warn }: AddSession, netdev: Link): void {
  const global = globalAddresses(node, netdev);
  if (global.length === 0) return;
  warn(
    `the netdev ${netdev.name} of VF ${pci} has the address ${global.join(", ")} on the host, and loses it; remove it from ` +
      "the host's network configuration",
  );
}
