import type { Link } from "../../node/links.ts";
import { changedTuning, fileEntry, type NetdevTuning, partsOf } from "../../node/netdev-tuning.ts";
import type { StepContext } from "../context.ts";
import { attemptAll } from "../errors.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { isUntouched } from "./netdev.ts";

/**
 * Restores the {@link NetdevTuning} of the VF's netdev, which is on the host.
 * @returns the names of the settings that could not be restored.
 */
export function restoreTuning({ node, record }: StepContext, netdev: Link): string[] {
  const { pci } = record.vf;
  const originals = originalTuning(record, netdev);
  if (originals === undefined) return [];
  const read = (link: Link) => node.links.tuning(pci, link, originals);
  let link: Link | undefined = netdev;
  let now = read(netdev);
  if (now === undefined) {
    // udev has just renamed the netdev.
    link = node.links.byIndex(node.namespaces.host, netdev.index);
    now = link && read(link);
  }
  if (link === undefined || now === undefined) return [];
  const changed = changedTuning(now, originals);
  if (changed.length === 0) return [];
  const { name } = link;
  const write = () => node.links.setTuning(pci, name, changed);
  // Try twice: a failure can be temporary, and the rebind after a second failure costs much more.
  if (attemptAll([write]).length > 0) attemptAll([write]);
  const after = read(link);
  return (after === undefined ? changed : changedTuning(after, originals)).map((entry) => partsOf(entry)[0]);
}

/** Returns the tuning that the netdev had before it was in a container; `undefined` if it has not been in one. */
function originalTuning(record: AttachmentRecord, netdev: Link): NetdevTuning | undefined {
  const { tuning, napi } = record.originals;
  if (tuning !== undefined) return tuning;
  // A record of an older version.
  if (napi !== undefined) {
    const { groFlushTimeout, napiDeferHardIrqs = "0", threaded = "0" } = napi;
    return [
      ...fileEntry("gro_flush_timeout", groFlushTimeout),
      ...fileEntry("napi_defer_hard_irqs", napiDeferHardIrqs),
      ...fileEntry("threaded", threaded),
    ];
  }
  return isUntouched(record, netdev) ? undefined : [];
}
