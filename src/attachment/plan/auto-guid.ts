import { CniError, codes } from "../../cni/errors.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../infiniband/derived-guid.ts";
import { type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { OwnGuids } from "../lock/contents.ts";
import { type RecordedGuids, recordedGuids } from "../record/recorded-guids.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import type { StaleAttachment } from "../recovery/stale-attachment.ts";
import { portGuidOfDevice } from "../vf/effective-guids.ts";
import type { PhysicalFunction } from "../vf/function.ts";
import { netdevOf } from "../vf/netdev.ts";

/**
 * What `"guid": "auto"` comes to for a VF: the GUID that it must have; undefined where it keeps its own.
 *
 * Once given, the GUID stays with the VF, so that only its first container pays for a rebind. This is also what
 * tells it apart from a container's GUID that was never taken back, which is no reason to keep it: that one stands
 * in a record of ours or in the Go plugin's cache. Only for a GUID that did not come from here is it looked for
 * there.
 * @param estate what a dead attachment left on the VF: then its own GUID is the one that was found by that.
 * @param noted the VF's own GUIDs, as its lock file has them: also the container's GUID of a record that is lost is not its own.
 * @throws {CniError} where there is none to give.
 */
export function autoGuid(
  node: Node,
  state: StateDirectory,
  vf: VirtualFunction,
  pf: PhysicalFunction,
  estate: StaleAttachment | undefined,
  noted: OwnGuids | undefined,
): Guid | undefined {
  const own = estate?.current ? estate.record.found.portGuid : ownPortGuid(portGuidNow(node, vf, pf), noted);
  // Without a netdev there is nothing to be attached, which the plan says.
  if (own === undefined) return undefined;
  const choices = choicesFor(vf, pf.link);
  if (choices.includes(own)) return own;
  const recorded = recordedGuids(state);
  if (isUsableGuid(own) && !isContainers(recorded, vf, own)) return undefined;
  const taken = [...node.functions.othersGuids(vf.pci), ...othersIn(recorded, vf)];
  const free = choices.find((guid) => !taken.includes(guid));
  if (free !== undefined) return free;
  throw new CniError(
    codes.node,
    `all GUIDs that "guid": "auto" has for VF ${vf.pci} (${choices[0]} and ${choices.length - 1} more) belong to ` +
      "other devices of this node; give the VF one by hand, or set another guid in the network",
  );
}

function ownPortGuid(now: Guid | undefined, noted: OwnGuids | undefined): Guid | undefined {
  if (now === undefined || noted === undefined) return now;
  return noted.instead.includes(now) ? noted.port : now;
}

function portGuidNow(node: Node, { pci }: VirtualFunction, pf: PhysicalFunction): Guid | undefined {
  const link = netdevOf(node, node.namespaces.host, pci);
  if (link !== undefined) return portGuidOf(link.address);
  if (node.functions.driver(pci) === VFIO_DRIVER) return pf.vf.portGuid;
  return portGuidOfDevice(node, pci, node.functions.rdmaDevices(pci));
}

/** @throws {CniError} where the PF has no port GUID to derive from. */
function choicesFor(vf: VirtualFunction, pf: Link): Guid[] {
  const port = portGuidOf(pf.address);
  if (port === undefined || !isUsableGuid(port)) {
    throw new CniError(
      codes.node,
      `"guid": "auto" derives the GUID of VF ${vf.pci} from the port GUID of its PF ${vf.pf}, but ${pf.name} has ` +
        `${port ?? "no InfiniBand address"}; set a guid in the network`,
    );
  }
  return Array.from({ length: DERIVED_GUIDS }, (_, choice) => derivedGuid(port, vf.index, choice));
}

/** Does a file say that the GUID was a container's? One that found it on the VF did not bring it. */
function isContainers(recorded: readonly RecordedGuids[], vf: VirtualFunction, guid: Guid): boolean {
  return recorded.some(({ pci, given, found }) => pci === vf.pci && given === guid && found !== guid);
}

/** GUIDs of other VFs; their devices may be in containers, where they cannot be seen. */
function othersIn(recorded: readonly RecordedGuids[], vf: VirtualFunction): (Guid | undefined)[] {
  return recorded.flatMap(({ pci, given, found }) => (pci === vf.pci ? [] : [given, found]));
}
