import { parseConfiguration, prevResult } from "../../cni/configuration.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { composeResult, type Interface, type IpConfig, type Result } from "../../cni/result.ts";
import { supportedVersion } from "../../cni/versions.ts";
import { formatHardwareAddress } from "../../infiniband/hardware-address.ts";
import type { Route } from "../../ip/route.ts";
import type { Link } from "../../node/links.ts";
import type { AddContext } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** The part of a chain's result that belongs to one attachment: its interface, with addresses and routes. */
export interface OwnResult {
  readonly interface: Interface;
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
}

/**
 * Returns the part of a result that belongs to an attachment. A result names the interface of each address, but not of
 * routes: all routes belong to the attachment that were not in the result of the previous plugins. Later plugins of the
 * chain can have added addresses and routes to the same interface.
 * @param result the result of ADD, as the runtime passes it (prevResult).
 * @throws {CniError} code 7 if it does not contain the attachment's interface.
 */
export function ownResult(record: AttachmentRecord, result: Result): OwnResult {
  const { ifname, netns } = record;
  const own = interfaceInContainer(result, ifname);
  if (own === undefined) {
    throw new CniError(
      codes.badConfiguration,
      `prevResult names no interface ${ifname} in a container; ADD reported one in ${netns}`,
    );
  }
  const index = result.interfaces.indexOf(own);
  const before = new Set(routesBefore(record).map((route) => JSON.stringify(route)));
  return {
    interface: own,
    ips: result.ips.filter((ip) => ip.interface === index),
    routes: result.routes.filter((route) => !before.has(JSON.stringify(route))),
  };
}

/** Returns the interface of that name that is in a container; `undefined` if it does not exist. */
export function interfaceInContainer(result: Result | undefined, ifname: string): Interface | undefined {
  return result?.interfaces.find((each) => each.name === ifname && each.sandbox !== undefined);
}

/**
 * Returns the result of ADD. It names an interface also if the function has no netdev: Multus makes an element of the
 * annotation network-status for each interface in a container, and KubeVirt reads the PCI address from that element.
 * Then the name is not that of a netdev, and a previous plugin of the chain can have named an interface so already.
 * @param link the container's interface; `undefined` if the function has no netdev.
 * @param ipam the result of the IPAM plugin; `undefined` if it was not called.
 */
export function resultOfAdd(
  { record, reply }: AddContext,
  link: Link | undefined,
  ipam: Result | undefined,
): Result {
  const { prevResult, dns } = reply;
  const isNamed = link === undefined && interfaceInContainer(prevResult, record.ifname) !== undefined;
  const own = {
    name: record.ifname,
    mac: link && formatHardwareAddress(link.address),
    mtu: link?.mtu,
    sandbox: record.netns,
    pciID: record.vf.pci,
  };
  return composeResult({ prevResult, own: isNamed ? undefined : own, ipam, dns });
}

/** Returns the routes of the previous plugins in the chain, from the network configuration of ADD. */
function routesBefore({ call }: AttachmentRecord): readonly Route[] {
  const configuration = parseConfiguration(call.stdin);
  const version = supportedVersion(configuration.cniVersion);
  return version === undefined ? [] : (prevResult(configuration, version)?.routes ?? []);
}
