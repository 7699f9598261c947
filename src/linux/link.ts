import { IFF_LOWER_UP, IFF_UP, type LinkInfo, parseLink } from "../netlink/link.ts";
import type { Message } from "../netlink/message.ts";
import type { Link } from "../node/links.ts";

/** What the rest of the program wants to know of a netdev. */
export function toLink(message: Message): Link {
  return linkOf(parseLink(message));
}

/** The same of a message that has been parsed. */
export function linkOf(info: LinkInfo): Link {
  return {
    index: info.index,
    name: info.name,
    altnames: info.altnames,
    mtu: info.mtu,
    up: (info.flags & IFF_UP) !== 0,
    carrier: (info.flags & IFF_LOWER_UP) !== 0,
    operstate: info.operstate,
    address: info.address,
    pci: pciOf(info),
    child: info.lower !== undefined || info.lowerElsewhere,
  };
}

/** IFLA_PARENT_DEV_NAME is a PCI address only where IFLA_PARENT_DEV_BUS_NAME says so. */
function pciOf({ parentBus, parentName }: LinkInfo): string | undefined {
  return parentBus === "pci" ? parentName : undefined;
}
