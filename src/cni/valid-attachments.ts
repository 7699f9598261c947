import type { Configuration } from "./configuration.ts";

/** The name of an attachment, from the runtime. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * The keys of the list. The second is the spelling of the specification 1.1.0; libcni sends both, with the same list.
 */
const KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"];

/** Most entries of the list. No node has as many; the length of the configuration is a lower limit. */
const MOST = 65_536;

/**
 * Returns GC's list of valid attachments. libcni writes `null` for an empty list: no attachment is valid.
 * @returns `undefined` if the list is missing; then GC does not know which attachments are valid.
 * @throws {CniError} 7 if it is not a list, or an entry does not name an attachment: without that entry, GC would
 * remove a valid attachment.
 */
export function validAttachments({ fields }: Configuration): readonly ValidAttachment[] | undefined {
  const key = KEYS.find((each) => fields.has(each));
  if (key === undefined) return undefined;
  return fields.objects(key, MOST).map((entry) => {
    const containerId = entry.string("containerID");
    const ifname = entry.string("ifname");
    if (containerId === undefined || ifname === undefined) {
      throw fields.wrong(key, entry.object, "must name containerID and ifname in each entry");
    }
    return { containerId, ifname };
  });
}
