import { isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { StateDirectory } from "./state-directory.ts";

/** What the file of an attachment says of its VF's GUIDs. */
export interface RecordedGuids {
  /** PCI address of the VF. */
  readonly pci: string;
  /** The GUID that the attachment gave to the VF; undefined where none. */
  readonly given: Guid | undefined;
  /** The one that the VF had before; undefined where it was not written down. */
  readonly found: Guid | undefined;
}

/**
 * The GUIDs of all attachments that there are files of, in the keys that our records and the Go plugin's cache have
 * in common. It walks over all of them: not for an ADD or DEL that can do without.
 */
export function recordedGuids(state: StateDirectory): RecordedGuids[] {
  return state.paths().flatMap((path) => {
    const document = state.document(path);
    if (!isObject(document) || typeof document.deviceID !== "string") return [];
    const runtime = isObject(document.runtimeConfig) ? document.runtimeConfig : {};
    return [
      {
        pci: document.deviceID,
        given: guidIn(runtime.infinibandGUID),
        found: guidIn(document.HostIFGUID),
      },
    ];
  });
}

function guidIn(value: unknown): Guid | undefined {
  return typeof value === "string" ? parseGuid(value) : undefined;
}
