import { isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { StateDirectory } from "./state-directory.ts";

/** The GUIDs of a VF, from the file of its attachment. */
export interface RecordedGuids {
  /** PCI address of the VF. */
  readonly pci: string;
  /** The GUID that the attachment gave to the VF; `undefined` if it gave none. */
  readonly given: Guid | undefined;
  /** The original port GUID of the VF; `undefined` if it is not in the file. */
  readonly original: Guid | undefined;
}

/**
 * Returns the GUIDs of all attachments with a file, from the keys that records and caches of the Go plugin have in
 * common. It reads all files, so ADD and DEL call it only if they need it.
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
        original: guidIn(document.HostIFGUID),
      },
    ];
  });
}

function guidIn(value: unknown): Guid | undefined {
  return typeof value === "string" ? parseGuid(value) : undefined;
}
