import type { Configuration } from "./configuration.ts";

/** One attachment, as the runtime names it. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * Where the list stands. The second is how the specification's 1.1.0 text spells it; libcni sends both, with the same
 * list in them.
 */
const KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"];

/** More than any node has; the configuration's length is the true limit. */
const MOST = 65_536;

/**
 * GC's list of the attachments that are valid. `null` is how libcni writes an empty one: none is.
 * @returns undefined where there is no list, which says nothing about what is valid.
 * @throws {CniError} 7 where it is no list, or an entry does not name an attachment: with that missing a valid
 * attachment would look like one that is not.
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
