import { parseConfiguration, prevResult } from "../../cni/configuration.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Interface, IpConfig, Result } from "../../cni/result.ts";
import { supportedVersion } from "../../cni/versions.ts";
import type { Route } from "../../ip/route.ts";
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
  const index = result.interfaces.findIndex((each) => each.name === ifname && each.sandbox !== undefined);
  const own = result.interfaces[index];
  if (own === undefined) {
    throw new CniError(
      codes.badConfiguration,
      `prevResult names no interface ${ifname} in a container; ADD reported one in ${netns}`,
    );
  }
  const before = routesBefore(record).map((route) => JSON.stringify(route));
  return {
    interface: own,
    ips: result.ips.filter((ip) => ip.interface === index),
    routes: result.routes.filter((route) => !before.includes(JSON.stringify(route))),
  };
}

/** Returns the routes of the previous plugins in the chain, from the network configuration of ADD. */
function routesBefore({ call }: AttachmentRecord): readonly Route[] {
  const configuration = parseConfiguration(call.stdin);
  const version = supportedVersion(configuration.cniVersion);
  return version === undefined ? [] : (prevResult(configuration, version)?.routes ?? []);
}
