import { isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import { baseName } from "../../node/path.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import type { Session } from "../lock/session.ts";
import { guidsOf, usableGuids } from "../record/guid-notes.ts";
import type { AttachmentName } from "../record/record.ts";
import { isCurrent } from "../vf/owns-vf.ts";

/** The GUIDs of a VF, from the file of its attachment. */
export interface RecordedGuids {
  readonly name: AttachmentName;
  /** PCI address of the VF. */
  readonly pci: string;
  /** The GUID that the attachment gave to the VF, and that the VF did not have before; `undefined` if it gave none. */
  readonly given: Guid | undefined;
  /** All its GUIDs, given or found, as far as they are in the file. */
  readonly guids: readonly Guid[];
}

/**
 * Returns the GUIDs of all attachments with a file: of those of ib-sriov whose VFs still exist, and those of the Go
 * plugin in this boot. It reads all files, so ADD and DEL call it only if they need it.
 */
export function recordedGuids({ node, state }: Session): RecordedGuids[] {
  return state.paths().flatMap((path): RecordedGuids[] => {
    const stored = state.readAny(path);
    // A file that the file system refuses to read must not prevent the ADD of another VF.
    if (stored?.unreadable?.kind === "not read") return [];
    const record = stored?.record;
    if (record !== undefined) {
      const { containerId, ifname, vf } = record;
      const name = { containerId, ifname };
      if (!isCurrent(node, record, () => node.functions.generation(vf.pci))) return [];
      return [{ name, pci: vf.pci, ...guidsIn(record.desired.guid, guidsOf({ ...record, desired: {} })) }];
    }
    // The keys that records and caches of the Go plugin have in common can be readable in a damaged file.
    const document = state.document(path);
    if (!isObject(document) || typeof document.deviceID !== "string") return [];
    const pci = parsePciAddress(document.deviceID);
    if (pci === undefined || (state.modified(path) ?? 0) < node.clock.bootTime()) return [];
    const { ContIFNames: ifname, HostIFGUID, runtimeConfig } = document;
    const given = guidIn(isObject(runtimeConfig) ? runtimeConfig.infinibandGUID : undefined);
    const name = nameIn(path, typeof ifname === "string" ? ifname : "");
    return [{ name, pci, ...guidsIn(given, [guidIn(HostIFGUID)]) }];
  });
}

function guidsIn(guid: Guid | undefined, originals: readonly (Guid | undefined)[]) {
  return { given: originals.includes(guid) ? undefined : guid, guids: usableGuids([guid, ...originals]) };
}

/** Returns container and interface from a path of the Go plugin, which puts a dash between them. */
function nameIn(path: string, ifname: string): AttachmentName {
  const file = baseName(path);
  const end = `-${ifname}`;
  return { containerId: file.endsWith(end) ? file.slice(0, -end.length) : file, ifname };
}

function guidIn(value: unknown): Guid | undefined {
  return typeof value === "string" ? parseGuid(value) : undefined;
}
