import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";

/**
 * Requires valid GUIDs of a VF for which the network sets no GUID. A new VF has no GUID, which is the most reported
 * problem of all.
 * @param name of the VF's netdev; `undefined` if it has no netdev.
 * @param guids the GUIDs of the VF; `undefined` for a missing one.
 * @param effect how a GUID that is set at the PF takes effect, to be added to the message; "" for at once.
 * @throws {CniError} if a GUID is missing or invalid.
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
      '"guid" in the network, to "auto" (derives a GUID for the VF, which keeps it) or to a GUID; if the pod\'s annotation ' +
      'has an "infiniband-guid", add "capabilities": {"infinibandGUID": true} to the network, because the runtime does ' +
      "not pass the GUID on otherwise; or run ib-kubernetes; or set a GUID of the VF at the netdev " +
      `of PF ${pf}: ip link set <PF> vf ${index} node_guid <GUID>; ip link set <PF> vf ${index} port_guid <GUID>${effect}`,
  );
}
