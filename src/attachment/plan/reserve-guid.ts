import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { AddContext } from "../context.ts";
import type { Session } from "../lock/session.ts";
import { parseLockContents } from "../lock/vf-owner.ts";
import { newGuidOf } from "../record/guid-reservation.ts";
import type { AttachmentName, AttachmentRecord } from "../record/record.ts";
import { isCurrent } from "../undo/has-vf.ts";
import { type HostRdmaDevices, hostRdmaDevices } from "../vf/rdma-devices.ts";

/**
 * Refuses a GUID that another function of the node runs with: two ports with one GUID break the fabric. A function
 * whose devices are all in a container is not visible here; {@link reserveGuid} finds it if it has an attachment.
 * @param rdma `undefined` if the caller has not read the devices.
 * @throws {CniError} code 7, naming the container, the netdev or the RDMA device that has the GUID.
 */
export function requireFreeGuid(
  session: Session,
  record: AttachmentRecord,
  rdma: HostRdmaDevices | undefined,
): void {
  const { node, state } = session;
  const { pci, pf } = record.vf;
  const guid = newGuidOf(record);
  if (guid === undefined) return;
  const netdevs = node.links.ofIpoib(node.namespaces.host);
  const netdev = netdevs.find((each) => each.pci !== pci && portGuidOf(each.address) === guid);
  const { others } = rdma ?? hostRdmaDevices(node, pci);
  const device = others.find(({ nodeGuid }) => nodeGuid === guid);
  if (netdev === undefined && device === undefined) return;
  const holder = state.guidNote(guid);
  const owner =
    holder === undefined || holder === pci ? undefined : attachmentWithGuid(session, holder, guid);
  if (owner !== undefined) throw inUse(guid, pci, `VF ${holder} has it`, owner);
  const which = netdev === undefined ? `RDMA device ${device?.name}` : describeNetdev(netdev, pf);
  throw inUse(guid, pci, `${which} runs with it`, undefined);
}

function describeNetdev({ name, pci }: Link, pf: string): string {
  if (pci === undefined) return `netdev ${name}`;
  return `netdev ${name} of ${pci === pf ? "its PF " : ""}${pci}`;
}

/**
 * Creates a note in the state directory that a VF is about to get a GUID that is not its own, so that no other VF gets
 * the same. The file is created atomically: of two ADDs at once, one succeeds. It names the VF, whose lock file and
 * record show whether the VF still has the GUID, so that the note of a killed call is recognized. The record is already
 * written.
 * @throws {CniError} code 7, naming the container that has the GUID.
 */
export function reserveGuid(session: AddContext): void {
  const { record, state, locks, deadline } = session;
  const { pci } = record.vf;
  const guid = newGuidOf(record);
  if (guid === undefined || state.createGuidNote(guid, pci)) return;
  // Replacing an outdated note takes two steps, so only one call at a time may do it.
  locks.whileNodeIsLocked(deadline, () => {
    const holder = state.guidNote(guid);
    if (holder === pci) return;
    if (holder !== undefined) {
      const owner = attachmentWithGuid(session, holder, guid);
      if (owner !== undefined) throw inUse(guid, pci, `VF ${holder} has it`, owner);
      state.removeGuidNote(guid);
    }
    if (state.createGuidNote(guid, pci)) return;
    throw new CniError(
      codes.tryAgain,
      `GUID ${guid} was given to another VF while VF ${pci} was about to get it`,
    );
  });
}

/**
 * Returns the attachment of a VF that has a GUID, running or not: as long as it has a record, its VF may run with the
 * GUID. An unreadable record may contain the GUID, unless it is from an earlier boot.
 */
export function attachmentWithGuid(
  { node, state }: Session,
  pci: string,
  guid: Guid,
): AttachmentName | undefined {
  const { owner, predecessor, ownerBoot } = parseLockContents(state.vfNote(pci));
  return [owner, predecessor].find((name) => {
    const stored = name && state.findAny(name);
    if (stored?.unreadable !== undefined) return ownerBoot === node.clock.bootId();
    const record = stored?.record;
    if (record?.vf.pci !== pci || record.desired.guid !== guid) return false;
    return isCurrent(node, record, () => node.functions.generation(pci));
  });
}

function inUse(guid: Guid, pci: string, why: string, owner: AttachmentName | undefined): CniError {
  const container =
    owner === undefined ? "" : `, which container ${owner.containerId} (interface ${owner.ifname}) was given`;
  return new CniError(
    codes.badConfiguration,
    `GUID ${guid} cannot be given to VF ${pci}: ${why}${container}; a GUID serves one port: ` +
      'set "guid" to "auto", or give each pod another GUID',
  );
}
