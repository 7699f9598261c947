import type { Link } from "../../node/links.ts";
import { changedTuning, type NetdevTuning, partsOf } from "../../node/netdev-tuning.ts";
import type { StepContext } from "../context.ts";
import { attemptAll } from "../errors.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { isUntouched } from "./netdev.ts";

/** How often a setting is set: a failure can be temporary, and the rebind that follows the last one costs much more. */
const ATTEMPTS = 2;

/**
 * Restores the {@link NetdevTuning} of the VF's netdev, which is on the host.
 * @returns the names of the settings that could not be restored.
 */
export function restoreTuning({ node, record }: StepContext, netdev: Link): string[] {
  const { pci } = record.vf;
  const originals = originalTuning(record, netdev);
  if (originals === undefined) return [];
  let link: Link | undefined = netdev;
  let changed: NetdevTuning = [];
  for (let attempt = 0; attempt <= ATTEMPTS && link !== undefined; attempt++) {
    const { index, name }: Link = link;
    const now = node.links.tuning(pci, link, originals);
    if (now === undefined) {
      // udev has just renamed the netdev.
      link = node.links.byIndex(node.namespaces.host, index);
      continue;
    }
    changed = changedTuning(now, originals);
    if (changed.length === 0) return [];
    if (attempt < ATTEMPTS) attemptAll(changed.map((entry) => () => node.links.setTuning(pci, name, entry)));
  }
  return changed.map((entry) => partsOf(entry)[0]);
}

/** Returns the tuning that the netdev had before it was in a container; `undefined` if it has not been in one. */
function originalTuning(record: AttachmentRecord, netdev: Link): NetdevTuning | undefined {
  const { tuning } = record.originals;
  if (tuning !== undefined) return tuning;
  return isUntouched(record, netdev) ? undefined : [];
}
