import type { Machine } from "../model/machine.ts";
import { isFirst } from "./default-node.ts";

/**
 * Returns addresses that an interface of a VF has although they are free, so that another container can lease them. VFs
 * that were created again during an attachment are left out: the plugin does not know what such a VF has (see
 * {@link isFirst}).
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
