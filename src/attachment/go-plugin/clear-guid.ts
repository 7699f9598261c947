import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { type VfSession, withVfLock } from "../lock/locks.ts";
import { currentOwnGuids, ownGuids } from "../lock/own-guids.ts";
import type { Session } from "../lock/session.ts";
import { claimVf } from "../plan/create-record.ts";
import { recordedGuids } from "../plan/recorded-guids.ts";
import { isNamed } from "../record/record.ts";
import type { DelRequest } from "../requests.ts";
import { detach } from "../restore/detach.ts";
import { presentGuids } from "../restore/lost-record.ts";
import { netdevOf } from "../vf/netdev.ts";
import { isVirtual, PhysicalFunction } from "../vf/pci-function.ts";
import { rdmaDevicesAway } from "../vf/rdma-devices.ts";

/**
 * Takes the GUID that a DEL without a record names from the VF, if the VF is free and has it, and binds the VF's driver.
 * The Go plugin leaves such a GUID behind if its ADD was killed before it wrote its cache, or if its DEL came after the
 * namespace had gone. The VF's own GUID is not recorded then, so the VF has no GUID afterwards, or those that its lock
 * file contains. The VF gets a record first, so that the next call continues if this one is killed.
 *
 * A network can also name the VF's own GUID. Then the lock file shows that ib-sriov has attached the VF with it, or that
 * the last call for the VF was an ADD of this container, which failed; or the netdev is up. A rebind, and the end of a
 * namespace, leave it down.
 * @throws {CniError} if the GUID is still in effect after the rebind.
 */
export function clearNamedGuid(session: Session, request: DelRequest): void {
  const { node } = session;
  const { deviceID: pci, guid, name } = request;
  if (pci === undefined || guid === undefined || !isVirtual(node, pci) || !hasGuid(node, pci, guid)) return;
  attempt(`take GUID ${guid} from VF ${pci}`, () =>
    withVfLock(session, pci, `DEL of container ${name.containerId}`, (locked) => {
      if (hasGuid(node, pci, guid) && !isOwnGuid(locked, request, guid)) clear(locked, request, pci, guid);
    }),
  );
}

/** Reports whether a VF runs with a GUID; for a VF without a driver, whether its PF has that GUID for it. */
function hasGuid(node: Node, pci: string, guid: Guid): boolean {
  if (node.functions.driver(pci) === VFIO_DRIVER) return false;
  const now = presentGuids(node, node.functions.virtualFunction(pci));
  // The Go plugin sets both.
  return now.node === guid && now.port === guid;
}

/** Reports whether the GUID that a call names may be the VF's own. */
function isOwnGuid({ locks }: VfSession, { name }: DelRequest, guid: Guid): boolean {
  if (locks.previousCaller === `ADD of container ${name.containerId}`) locks.confirmGuid(guid);
  return locks.confirmedGuid === guid;
}

function clear(session: VfSession, request: DelRequest, pci: string, guid: Guid): void {
  const { node, state, locks, warn } = session;
  const { owner } = locks;
  // A DEL of the VF's owner, whose record is lost, restores the VF in another way (restore/del-unrecorded.ts).
  const isOwned = owner !== undefined && (isNamed(owner, request.name) || state.findAny(owner) !== undefined);
  if (isOwned || recordedGuids(session).some((each) => each.pci === pci)) return;
  const { functions, namespaces, clock } = node;
  const vf = functions.virtualFunction(pci);
  const driver = functions.driver(vf.pf);
  const netdev = netdevOf(node, namespaces.host, pci);
  if (driver === undefined || isOfOthers(node, vf, driver) || netdev?.up === true) return;
  warn(
    `VF ${pci} has GUID ${guid}, which this call names and no record explains; the GUID is taken from the VF`,
  );
  const noted = currentOwnGuids(session, vf);
  const unlessNamed = (own: Guid | undefined) => (own === undefined || own === guid ? ZERO_GUID : own);
  const originals = {
    name: netdev?.name ?? "",
    altnames: netdev?.altnames ?? [],
    nodeGuid: unlessNamed(noted?.node),
    portGuid: unlessNamed(noted?.port),
    rdma: { devices: functions.rdmaDevices(pci), files: functions.rdmaFiles(pci) },
    driver,
  };
  const record = {
    ...request.name,
    state: "undo-failed",
    netns: "",
    netnsCookie: "",
    kind: request.rdmaOnly === true ? "rdma" : "netdev",
    bootId: clock.bootId(),
    since: Math.round(clock.wall()),
    vf,
    originals,
    desired: { guid },
    // The lease is released afterwards.
    call: { stdin: "{}", args: "", path: "" },
  } as const;
  const { link } = new PhysicalFunction(node, vf.pf, vf.index);
  const path = claimVf(session, record, ownGuids(record, { node: guid, port: guid }), link.name);
  detach(stepContextOf(session, record, undefined), path);
}

/** Reports whether a VF has another driver than its PF, or may get one, or has a device in another namespace. */
function isOfOthers(node: Node, { pci }: VirtualFunction, driver: string): boolean {
  const { functions, namespaces } = node;
  const bound = functions.driver(pci) ?? functions.driverOverride(pci) ?? driver;
  const isAway = functions.hasNetdev(pci) && netdevOf(node, namespaces.host, pci) === undefined;
  return bound !== driver || isAway || rdmaDevicesAway(node, pci).length > 0;
}
