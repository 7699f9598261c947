import * as host from "host";
import type { RequestOutcome } from "../../netlink/connection.ts";
import { EMSGSIZE, ENODEV } from "../../netlink/errno.ts";
import { dumpLinksOfKind, getLinkByName, type LinkInfo, parseLink } from "../../netlink/link.ts";
import type { Link } from "../../node/links.ts";
import type { PciFunctions } from "../../node/pci-functions.ts";
import type { LinuxNamespace } from "../network/namespace.ts";
import { pciSysfsDirectory } from "./sysfs-directory.ts";

/** How often the host's netdevs of a function are looked up while udev renames them in the middle. */
const ATTEMPTS = 8;

/**
 * The netdevs of a PCI function in the host's namespace: sysfs knows their names, so no other has to be
 * looked at. A name can be another netdev's by the time the kernel is asked for it; then it is done again.
 * @param vfs shall they tell of their VFs, too? Where that is too long to be sent (EMSGSIZE, with many VFs) they do not.
 */
export function hostNetdevsOf(
  namespace: LinuxNamespace,
  functions: PciFunctions,
  pci: string,
  vfs: boolean,
): LinkInfo[] {
  let names: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    names = functions.netdevs(pci);
    if (names.length === 0) return [];
    const outcomes = namespace.rtnetlink.exchange(names.map((name) => getLinkByName(name, vfs)));
    const netdevs: LinkInfo[] = [];
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i] as RequestOutcome;
      if (vfs && outcome.errno === EMSGSIZE) return hostNetdevsOf(namespace, functions, pci, false);
      if (outcome.errno !== 0 && outcome.errno !== ENODEV) throw outcome.error;
      const link = outcome.replies[0] && parseLink(outcome.replies[0]);
      if (link !== undefined && belongs(link, pci))
        netdevs.push(link.pci === undefined ? { ...link, pci } : link);
    }
    if (netdevs.length === names.length) return netdevs;
  }
  throw new Error(
    `sysfs says that PCI function ${pci} has netdev ${names.join(", ")}, but the kernel does not find it in ` +
      "this network namespace; is /sys mounted from another one?",
  );
}

/**
 * Does the netdev belong to the function? Before Linux 5.14 the kernel does not say; then the number of the
 * netdev that sysfs shows under this name must be the same.
 */
function belongs(link: Link, pci: string): boolean {
  if (link.pci !== undefined) return link.pci === pci;
  try {
    const index = host.readFile(`${pciSysfsDirectory(pci)}/net/${link.name}/ifindex`);
    return Number(index.trim()) === link.index;
  } catch {
    return false;
  }
}

/**
 * The netdevs of a PCI function in another namespace, by looking at all of IPoIB that are there. A container can have
 * thousands of others: the kernel leaves them out.
 * @throws {Error} where the kernel (before 5.14) cannot tell whose they are: "none" would be a lie.
 */
export function containerNetdevsOf(namespace: LinuxNamespace, pci: string): Link[] {
  let isTold = false;
  const found = namespace.rtnetlink.dump(dumpLinksOfKind("ipoib"), (message) => {
    const link = parseLink(message);
    isTold ||= link.pci !== undefined;
    return link.pci === pci ? link : undefined;
  });
  if (found.length === 0 && !isTold && !namespace.tellsParents) {
    throw new Error(
      `this kernel cannot tell which netdev in ${namespace.path} belongs to PCI function ${pci}; ` +
        "Linux 5.14 or later is needed",
    );
  }
  return [...found];
}
