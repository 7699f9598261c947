import { CniError, codes } from "../../cni/errors.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../infiniband/derived-guid.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import type { OwnGuids } from "../lock/lock-contents.ts";
import type { Orphan } from "../restore/orphan.ts";
import { portGuidOfDevice } from "../vf/effective-guids.ts";
import { netdevOf } from "../vf/netdev.ts";
import type { AddSession } from "./add-session.ts";
import { type RecordedGuids, recordedGuids } from "./recorded-guids.ts";
import { thoroughGuidSearch } from "./taken-guids.ts";

/** Returns the GUID that an attachment gives to its VF; `undefined` if the VF keeps its own. */
export function chooseGuid(
  session: AddSession,
  orphan: Orphan | undefined,
  ownGuids: OwnGuids | undefined,
): Guid | undefined {
  const { guid } = session.request;
  return guid === "auto" ? autoGuid(session, orphan, ownGuids) : guid;
}

/**
 * Returns the GUID that `"guid": "auto"` assigns to a VF; `undefined` if the VF keeps its own.
 *
 * The assigned GUID stays with the VF, so that only the first container of the VF waits for a rebind. A container's
 * GUID that was not removed from the VF must not be kept. It is recognized by a record, or by the Go plugin's cache,
 * that contains it. These are read only if this function cannot have assigned the VF's GUID.
 * @param orphan the orphan of the VF: then the VF's own GUID is the one in its originals.
 * @param noted the VF's own GUIDs, as its lock file has them: with them, the GUID of a container whose record is lost
 *   is not taken for the VF's own.
 * @throws {CniError} if no GUID can be derived, or all of them are in use.
 */
function autoGuid(
  session: AddSession,
  orphan: Orphan | undefined,
  noted: OwnGuids | undefined,
): Guid | undefined {
  const { vf } = session;
  const own = orphan?.isCurrent ? orphan.record.originals.portGuid : ownPortGuid(portGuidNow(session), noted);
  // The VF has no netdev, for which the plan throws.
  if (own === undefined) return undefined;
  const choices = choicesFor(session);
  if (choices.includes(own)) return own;
  const recorded = recordedGuids(session);
  if (isUsableGuid(own) && !cameWithContainer(recorded, vf, own)) return undefined;
  return freeChoice(vf, choices, thoroughGuidSearch(session, recorded));
}

/**
 * Returns another GUID of those that `"guid": "auto"` derives for a VF than it has now.
 * @param taken further GUIDs that other devices of the node have.
 * @throws {CniError} if no GUID can be derived, or all of them are in use.
 */
export function newDerivedGuid(session: AddSession, taken: readonly Guid[]): Guid {
  const { vf, pf } = session;
  const { nodeGuid, portGuid } = pf.vf;
  const own = [portGuidNow(session), nodeGuid, portGuid];
  const isTaken = thoroughGuidSearch(session, recordedGuids(session), [...taken, ...own]);
  return freeChoice(vf, choicesFor(session), isTaken);
}

/** @throws {CniError} if all choices are taken. */
function freeChoice(vf: VirtualFunction, choices: readonly Guid[], isTaken: (guid: Guid) => boolean): Guid {
  const free = choices.find((guid) => !isTaken(guid));
  if (free !== undefined) return free;
  throw new CniError(
    codes.node,
    `all GUIDs that "guid": "auto" derives for VF ${vf.pci} (${choices[0]} and ${choices.length - 1} more) belong to ` +
      "other devices of this node; set a GUID of the VF at its PF, or set guid in the network to a GUID",
  );
}

function ownPortGuid(now: Guid | undefined, noted: OwnGuids | undefined): Guid | undefined {
  if (now === undefined || noted === undefined) return now;
  return noted.instead.includes(now) ? noted.port : now;
}

function portGuidNow({ node, vf: { pci }, pf }: AddSession): Guid | undefined {
  const link = netdevOf(node, node.namespaces.host, pci);
  if (link !== undefined) return portGuidOf(link.address);
  if (node.functions.driver(pci) === VFIO_DRIVER) return pf.vf.portGuid;
  return portGuidOfDevice(node, pci, node.functions.rdmaDevices(pci));
}

/** @throws {CniError} if the PF has no port GUID to derive from. */
function choicesFor({ vf, pf }: AddSession): Guid[] {
  const port = pf.portGuid;
  if (port === undefined || !isUsableGuid(port)) {
    throw new CniError(
      codes.node,
      `"guid": "auto" derives the GUID of VF ${vf.pci} from the port GUID of its PF ${vf.pf}, which is ` +
        `${port ?? "unknown"}; set a guid in the network`,
    );
  }
  return Array.from({ length: DERIVED_GUIDS }, (_, choice) => derivedGuid(port, vf.index, choice));
}

/** Reports whether a recorded attachment brought the GUID to the VF, instead of finding it there. */
function cameWithContainer(recorded: readonly RecordedGuids[], vf: VirtualFunction, guid: Guid): boolean {
  return recorded.some(({ pci, given }) => pci === vf.pci && given === guid);
}
