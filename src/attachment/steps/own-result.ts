import { parseConfiguration, prevResult } from "../../cni/configuration.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Interface, IpConfig, Result, Route } from "../../cni/result.ts";
import { supportedVersion } from "../../cni/versions.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** What of a chain's result is one attachment's: its interface, and the addresses and routes that are put on it. */
export interface OwnResult {
  readonly interface: Interface;
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
}

/**
 * A result tells of each address whose interface it is on, but not of routes: of those everything is ours that was
 * not there before us. The plugins after us in the chain speak of our interface, too.
 * @param result what the runtime says that ADD told it.
 * @throws {CniError} 7 where it does not name the attachment's interface.
 */
export function ownResult(record: AttachmentRecord, result: Result): OwnResult {
  const { ifname, netns } = record;
  const index = result.interfaces.findIndex((each) => each.name === ifname && each.sandbox !== undefined);
  const own = result.interfaces[index];
  if (own === undefined) {
    throw new CniError(
      codes.badConfiguration,
      `prevResult names no interface ${ifname} in a container; ADD told the runtime of one in ${netns}`,
    );
  }
  const before = routesBefore(record).map((route) => JSON.stringify(route));
  return {
    interface: own,
    ips: result.ips.filter((ip) => ip.interface === index),
    routes: result.routes.filter((route) => !before.includes(JSON.stringify(route))),
  };
}

/** The routes of the plugins before us, which ADD was called with. */
function routesBefore({ call }: AttachmentRecord): readonly Route[] {
  const configuration = parseConfiguration(call.stdin);
  const version = supportedVersion(configuration.cniVersion);
  return version === undefined ? [] : (prevResult(configuration, version)?.routes ?? []);
}
