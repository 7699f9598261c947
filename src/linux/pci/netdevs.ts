import type { RequestOutcome } from "../../netlink/connection.ts";
import { EMSGSIZE, ENODEV } from "../../netlink/errno.ts";
import {
  dumpLinksOfKind,
  getLinkByName,
  type LinkParts,
  parseLink,
  type ReceivedLink,
} from "../../netlink/link.ts";
import type { Link } from "../../node/links.ts";
import type { PciFunctions } from "../../node/pci-functions.ts";
import { readFile } from "../files/read.ts";
import type { LinuxNamespace } from "../network/namespace.ts";
import { pciSysfsDirectory } from "./sysfs-directory.ts";

/** How often the netdevs of a function are looked up if udev renames them during the lookup. */
const ATTEMPTS = 8;

/**
 * Returns the netdevs of a PCI function in the host namespace. Their names come from sysfs, so no other netdevs are
 * read. If a name belongs to another netdev by the time the kernel is asked for it, the lookup is repeated.
 * @param options `withVfs`: whether to ask for the VFs of the netdevs, too. If that reply is too long (EMSGSIZE, with many VFs), the
 * result does not contain them.
 */
export function hostNetdevsOf(
  namespace: LinuxNamespace,
  functions: PciFunctions,
  pci: string,
  { withVfs }: LinkParts,
): ReceivedLink[] {
  let names: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    names = functions.netdevs(pci);
    if (names.length === 0) return [];
    const outcomes = namespace.rtnetlink.exchange(names.map((name) => getLinkByName(name, { withVfs })));
    const netdevs: ReceivedLink[] = [];
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i] as RequestOutcome;
      if (withVfs !== false && outcome.errno === EMSGSIZE)
        return hostNetdevsOf(namespace, functions, pci, { withVfs: false });
      if (outcome.errno !== 0 && outcome.errno !== ENODEV) throw outcome.error;
      const link = outcome.replies[0] && parseLink(outcome.replies[0]);
      if (link !== undefined && belongs(link, pci))
        netdevs.push(link.pci === undefined ? { ...link, pci } : link);
    }
    if (netdevs.length === names.length) return netdevs;
  }
  throw new Error(
    `sysfs lists netdev ${names.join(", ")} of PCI function ${pci}, but the kernel does not find it in ` +
      "this network namespace; mount /sys from this network namespace",
  );
}

/**
 * Reports whether a netdev belongs to a function. Kernels before 5.14 do not report the function of a netdev; then the
 * index in sysfs below the function must be the netdev's index.
 */
function belongs(link: Link, pci: string): boolean {
  if (link.pci !== undefined) return link.pci === pci;
  try {
    const index = readFile(`${pciSysfsDirectory(pci)}/net/${link.name}/ifindex`);
    return Number(index.trim()) === link.index;
  } catch {
    return false;
  }
}

/**
 * Returns the netdevs of a PCI function in another namespace, from the list of its IPoIB netdevs. The kernel leaves out
 * other netdevs, of which a container can have thousands.
 * @throws {Error} if the kernel (before 5.14) does not report the functions of netdevs, so that an empty result would
 * be wrong.
 */
export function containerNetdevsOf(namespace: LinuxNamespace, pci: string): Link[] {
  let isReported = false;
  const found = namespace.rtnetlink.dump(dumpLinksOfKind("ipoib"), (message) => {
    const link = parseLink(message);
    isReported ||= link.pci !== undefined;
    return link.pci === pci ? link : undefined;
  });
  if (found.length === 0 && !isReported && !namespace.tellsParents) {
    throw new Error(
      `this kernel does not report which netdev in ${namespace.path} belongs to PCI function ${pci}; ` +
        "Linux 5.14 or later is needed",
    );
  }
  return [...found];
}
