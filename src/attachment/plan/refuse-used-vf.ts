import { CniError, codes } from "../../cni/errors.ts";
import { isLinkLocal } from "../../ip/text.ts";
import type { Link } from "../../node/links.ts";
import { countPkeyChildren, pkeyChildrenIn } from "../vf/pkey-children.ts";
import type { HostRdmaDevices } from "../vf/rdma-devices.ts";
import type { AddSession } from "./add-session.ts";

/**
 * Refuses a VF that the host uses, because the host would lose it without any notice.
 * @param netdev of the VF, on the host.
 * @throws {CniError} code 101 if the netdev has a master or pkey children.
 */
export function requireUnused({ node, vf: { pci } }: AddSession, netdev: Link, rdma: HostRdmaDevices): void {
  const { host } = node.namespaces;
  if (netdev.master !== undefined) {
    const name = node.links.byIndex(host, netdev.master)?.name ?? `netdev ${netdev.master}`;
    throw inUse(pci, `its netdev ${netdev.name} is a port of ${name}`, `ip link set ${netdev.name} nomaster`);
  }
  const count = countPkeyChildren(node, pci, rdma.own);
  if (count === 0) return;
  const children = pkeyChildrenIn(node, host, netdev).map(({ name }) => name);
  if (children.length > 0) {
    const remedy = children.map((name) => `ip link del ${name}`).join("; ");
    throw inUse(pci, `its netdev ${netdev.name} has the pkey children ${children.join(", ")}`, remedy);
  }
  if (count === undefined) return;
  const remedy = "remove them there, or end the container that has them";
  throw inUse(pci, `its netdev ${netdev.name} has pkey children in another network namespace`, remedy);
}

function inUse(pci: string, why: string, remedy: string): CniError {
  return new CniError(codes.deviceInUse, `VF ${pci} is in use by the host: ${why}; ${remedy}`);
}

/** Warns of addresses that the host has given to a VF's netdev: the netdev loses them when it leaves the host. */
export function warnOfAddresses({ node, vf: { pci }, warn }: AddSession, netdev: Link): void {
  const all = node.links.addresses(node.namespaces.host, netdev.index);
  const global = all.map(({ cidr }) => cidr).filter((cidr) => !isLinkLocal(cidr));
  if (global.length === 0) return;
  warn(
    `the netdev ${netdev.name} of VF ${pci} has the address ${global.join(", ")} on the host, and loses it; remove it from ` +
      "the host's network configuration",
  );
}
