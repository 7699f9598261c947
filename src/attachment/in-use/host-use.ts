import { isLinkLocal } from "../../ip/text.ts";
import type { Link } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import { shellWord } from "../shell-word.ts";
import { countPkeyChildren, pkeyChildrenIn } from "../vf/pkey-children.ts";
import type { HostRdmaDevices } from "../vf/rdma-devices.ts";

/** How the host itself uses a VF. */
export interface HostUse {
  /** E.g. "its netdev ib3 is a port of br0". */
  readonly why: string;
  /** The command, or the action, that ends the use. */
  readonly remedy: string;
}

/** Returns the bond, bridge and so on that a netdev on the host is a port of; `undefined` if it is not a port. */
export function masterOf(node: Node, { name, master }: Link): HostUse | undefined {
  if (master === undefined) return undefined;
  const other = node.links.byIndex(node.namespaces.host, master)?.name ?? `netdev ${master}`;
  return {
    why: `its netdev ${name} is a port of ${other}`,
    remedy: `ip link set ${shellWord(name)} nomaster`,
  };
}

/** Returns the pkey children of a VF's netdev, in whatever namespace; `undefined` if it has no children. */
export function childrenOf(
  node: Node,
  pci: string,
  netdev: Link,
  { own }: HostRdmaDevices,
): HostUse | undefined {
  const count = countPkeyChildren(node, pci, own);
  if (count === 0) return undefined;
  const children = pkeyChildrenIn(node, node.namespaces.host, netdev).map(({ name }) => name);
  if (children.length > 0) {
    const remedy = children.map((name) => `ip link del ${shellWord(name)}`).join("; ");
    return { why: `its netdev ${netdev.name} has the pkey children ${children.join(", ")}`, remedy };
  }
  if (count === undefined) return undefined;
  const remedy = "remove them there, or end the container that has them";
  return { why: `its netdev ${netdev.name} has pkey children in another network namespace`, remedy };
}

/** Returns the addresses of a netdev on the host, without those that the kernel itself assigns. */
export function globalAddresses({ links, namespaces }: Node, { index }: Link): string[] {
  return links
    .addresses(namespaces.host, index)
    .map(({ cidr }) => cidr)
    .filter((cidr) => !isLinkLocal(cidr));
}

/** Returns the addresses and routes of a netdev on the host; `undefined` if the host has not configured it. */
export function configurationOf(node: Node, netdev: Link): HostUse | undefined {
  const { index, name } = netdev;
  const addresses = globalAddresses(node, netdev);
  if (addresses.length > 0) {
    const remedy = addresses.map((cidr) => `ip address del ${cidr} dev ${shellWord(name)}`).join("; ");
    return { why: `its netdev ${name} has the address ${addresses.join(", ")}`, remedy };
  }
  const [route] = ([4, 6] as const)
    .flatMap((family) => node.links.routes(node.namespaces.host, index, family))
    // The kernel adds routes for link-local and, before 5.5, for multicast addresses itself.
    .filter(({ dst }) => !isLinkLocal(dst) && !dst.startsWith("ff"));
  if (route === undefined) return undefined;
  return {
    why: `its netdev ${name} has a route to ${route.dst}`,
    remedy: `ip route del ${route.dst} dev ${shellWord(name)}`,
  };
}
