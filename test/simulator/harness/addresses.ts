import type { Machine } from "../model/machine.ts";
import { isFirst } from "./default-node.ts";

/**
 * Addresses that an interface of a VF carries, and that are free to be leased to somebody else. Of a VF that was
 * made anew under an attachment nobody knows (DESIGN.md, "Who owns a VF").
 */
export function addressesWithoutLease({ bus, leases, namespaces }: Machine): string[] {
  const leased = new Set([...leases.leases.keys()].map((key) => key.slice(key.indexOf(" ") + 1)));
  return [...namespaces].flatMap((namespace) =>
    namespace.netdevs
      .filter(([, netdev]) => isFirst(bus.vfs.get(netdev.kind.pci ?? "")))
      .flatMap(([, netdev]) => netdev.addresses.map(({ cidr }) => cidr.slice(0, cidr.indexOf("/"))))
      .filter((address) => !leased.has(address))
      .map((address) => `${address} is free, and in ${namespace.label} an interface has it`),
  );
}
