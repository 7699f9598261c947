import type { Guid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import { parseLockContents } from "../lock/lock-contents.ts";
import type { Session } from "../lock/session.ts";
import { guidsOf } from "../record/guid-notes.ts";
import type { AttachmentName } from "../record/record.ts";
import { isCurrent } from "../vf/owns-vf.ts";
import { type HostRdmaDevices, hostRdmaDevices } from "../vf/rdma-devices.ts";
import type { AddSession } from "./add-session.ts";
import { type RecordedGuids, recordedGuids } from "./recorded-guids.ts";

/** A function of the node, other than a VF that is to get a GUID, that has the GUID. */
export interface TakenBy {
  /** A clause for messages: "netdev ib3 of 0000:01:10.2 runs with it". */
  readonly what: string;
  /** PCI address of the function; `undefined` if it is not known. */
  readonly pci: string | undefined;
  /** The attachment that has given the GUID to the function, or found it there; `undefined` without such a record. */
  readonly attachment: AttachmentName | undefined;
}

/**
 * Returns a function that returns what has a GUID, other than the VF of this call; `undefined` if the GUID is free. A GUID
 * is taken if
 * - an attachment has it, of any kind, and whether it has given the GUID to its VF or found it there: its note shows that;
 * - a netdev, or an RDMA device, of the host runs with it as port GUID or node GUID;
 * - the PF has it for another of its VFs, in effect or not: of a virtual machine, of another CNI plugin, of a free VF.
 *
 * The number of requests does not depend on the number of VFs and attachments. Therefore the lists of *other* PFs are not
 * read: a GUID that only such a list contains is in effect nowhere, unless another program has given a VF with it to a
 * namespace or a virtual machine; and `provision`, which puts such a GUID into effect, looks at everything
 * ({@link thoroughGuidSearch}).
 * @param rdma `undefined` if the caller has not read the devices.
 */
export function guidSearch(
  session: AddSession,
  rdma: HostRdmaDevices | undefined,
): (guid: Guid) => TakenBy | undefined {
  const { node, state, vf, pf } = session;
  let lists: ReturnType<typeof read> | undefined;
  const read = () => ({
    netdevs: node.links.ofIpoib(node.namespaces.host).filter(({ pci }) => pci !== vf.pci),
    devices: (rdma ?? hostRdmaDevices(node, vf.pci)).others,
    atPf: pf.others,
  });
  return (guid) => {
    const noted = state.guidNotes.vfWith(guid);
    const attachment =
      noted === undefined || noted === vf.pci ? undefined : attachmentWithGuid(session, noted, guid);
    if (attachment !== undefined) return { what: `VF ${noted} has it`, pci: noted, attachment };
    lists ??= read();
    const { netdevs, devices, atPf } = lists;
    const netdev = netdevs.find(({ address }) => portGuidOf(address) === guid);
    if (netdev !== undefined) {
      const { name, pci } = netdev;
      const of = pci === undefined ? "" : ` of ${pci === vf.pf ? "its PF " : ""}${pci}`;
      return { what: `netdev ${name}${of} runs with it`, pci, attachment: undefined };
    }
    const device = devices.find(({ nodeGuid }) => nodeGuid === guid);
    if (device !== undefined) {
      const pci = node.functions.withRdmaDevice(device.name);
      return { what: `RDMA device ${device.name} runs with it`, pci, attachment: undefined };
    }
    const other = atPf.find(({ nodeGuid, portGuid }) => nodeGuid === guid || portGuid === guid);
    if (other === undefined) return undefined;
    const pci = node.functions.virtualAt(vf.pf, other.index);
    return { what: `PF ${vf.pf} has it for VF ${pci ?? other.index}`, pci, attachment: undefined };
  };
}

/**
 * Returns a function that reports whether a GUID is taken, as {@link guidSearch} does, and also by the port of an RDMA
 * device without a netdev, or according to any file of an attachment. It reads all of them, so ADD calls it only before
 * it gives a VF a GUID that the VF then keeps.
 * @param more further GUIDs that are taken.
 */
export function thoroughGuidSearch(
  session: AddSession,
  recorded: readonly RecordedGuids[],
  more: readonly (Guid | undefined)[] = [],
): (guid: Guid) => boolean {
  const { node, vf } = session;
  const takenBy = guidSearch(session, undefined);
  const all = [...more, ...node.functions.othersGuids(vf.pci)];
  const others = recorded.filter(({ pci }) => pci !== vf.pci);
  return (guid) =>
    all.includes(guid) || others.some(({ guids }) => guids.includes(guid)) || takenBy(guid) !== undefined;
}

/**
 * Returns the attachment of a VF that has a GUID, running or not: as long as it has a record, its VF has the GUID, or gets
 * it back. The record of the VF's owner is read first; others, such as those of the Go plugin, only if it does not have
 * the GUID. An unreadable record may contain the GUID, unless it is from an earlier boot.
 */
export function attachmentWithGuid(session: Session, pci: string, guid: Guid): AttachmentName | undefined {
  const { node, state } = session;
  const { owner, predecessor, ownerBoot } = parseLockContents(state.vfNote(pci));
  const noted = [owner, predecessor].find((name) => {
    const stored = name && state.findAny(name);
    if (stored?.unreadable !== undefined) return ownerBoot === node.clock.bootId();
    const record = stored?.record;
    if (record?.vf.pci !== pci || !guidsOf(record).includes(guid)) return false;
    return isCurrent(node, record, () => node.functions.generation(pci));
  });
  if (noted !== undefined) return noted;
  return recordedGuids(session).find((each) => each.pci === pci && each.guids.includes(guid))?.name;
}
