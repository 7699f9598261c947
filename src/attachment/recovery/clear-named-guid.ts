import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { VfSession } from "../lock/locks.ts";
import { currentOwnGuids } from "../lock/own-guids.ts";
import type { DelRequest } from "../requests.ts";
import { netdevOf } from "../vf/netdev.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";
import { recordedGuids } from "./recorded-guids.ts";
import { presentGuids, restoreOwnGuids } from "./restore-own-guids.ts";

/**
 * Reports whether a VF on the host runs with the GUID that a DEL names; for a VF without a driver, whether its PF has that
 * GUID for it. It takes no lock.
 */
export function hasNamedGuid(node: Node, { guid }: DelRequest, pci: string): boolean {
  if (guid === undefined || node.functions.driver(pci) === VFIO_DRIVER) return false;
  const { node: nodeGuid, port: portGuid } = presentGuids(node, node.functions.virtualFunction(pci));
  return nodeGuid === guid || portGuid === guid;
}

/**
 * Takes the GUID that a DEL without a record names from the VF, if the VF is free and has it, and binds the VF's driver.
 * The Go plugin leaves such a GUID behind if its ADD was killed before it wrote its cache, or if its DEL came after the
 * namespace had gone. The VF's own GUID is not recorded then, so the VF has no GUID afterwards, or those that its lock
 * file contains.
 *
 * A network can also name the VF's own GUID. The lock file shows that: ib-sriov has attached the VF with it, or the last
 * call for the VF was an ADD of this container, which failed.
 * @throws {CniError} if the GUID is still in effect after the rebind.
 */
export function clearNamedGuid(session: VfSession, request: DelRequest, pci: string): void {
  const { node, locks, warn } = session;
  const { guid, name } = request;
  if (guid === undefined || !hasNamedGuid(node, request, pci)) return;
  if (locks.previousCaller === `ADD of container ${name.containerId}`) locks.confirmGuid(guid);
  if (locks.confirmedGuid === guid || recordedGuids(session).some((each) => each.pci === pci)) return;
  const vf = node.functions.virtualFunction(pci);
  const driver = node.functions.driver(vf.pf);
  if (driver === undefined || isOfOthers(node, pci, driver)) return;
  warn(
    `VF ${pci} has GUID ${guid}, which this call names and no record explains; the GUID is taken from the VF`,
  );
  const now = presentGuids(node, vf);
  const noted = currentOwnGuids(session, vf);
  const unlessNamed = (own: Guid | undefined) => (own === undefined || own === guid ? ZERO_GUID : own);
  restoreOwnGuids(session, request, pci, driver, {
    node: unlessNamed(noted?.node ?? now.node),
    port: unlessNamed(noted?.port ?? now.port),
    instead: [guid],
    generation: vf.generation,
    bootId: node.clock.bootId(),
  });
}

/** Reports whether a VF has another driver than its PF, or may get one, or has a device in another namespace. */
function isOfOthers(node: Node, pci: string, driver: string): boolean {
  const { functions, namespaces } = node;
  const bound = functions.driver(pci) ?? functions.driverOverride(pci) ?? driver;
  const isAway = functions.hasNetdev(pci) && netdevOf(node, namespaces.host, pci) === undefined;
  return bound !== driver || isAway || rdmaDevicesAway(node, pci).length > 0;
}
