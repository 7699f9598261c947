import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";

/**
 * The most reported problem of all: a fresh VF has no GUID, and none was asked for.
 * @param name of its netdev; undefined where it has none.
 * @param guids that it has; undefined is none.
 * @param effect what makes a GUID take effect that somebody sets at the PF, "" for nothing.
 * @throws {CniError} where one of them is none.
 */
export function requireUsableGuid(
  { pci, pf, index }: VirtualFunction,
  name: string | undefined,
  guids: readonly (Guid | undefined)[],
  effect: string,
): void {
  const invalid = guids.filter((guid) => guid === undefined || !isUsableGuid(guid));
  if (invalid.length === 0) return;
  throw new CniError(
    codes.badConfiguration,
    `VF ${pci}${name === undefined ? "" : ` (${name})`} has no valid GUID (${invalid[0]}) and the network names none: set ` +
      '"guid" in the network, to "auto" (one is derived for the VF, and stays) or to a GUID; if the pod\'s annotation has ' +
      'an "infiniband-guid", add "capabilities": {"infinibandGUID": true} to the network, without which the runtime ' +
      "does not pass it on; run ib-kubernetes; or give the VF one, at the netdev " +
      `of PF ${pf}: ip link set <PF> vf ${index} node_guid <GUID>; ip link set <PF> vf ${index} port_guid <GUID>${effect}`,
  );
}
