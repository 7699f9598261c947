import { formatTime } from "../../log/format-time.ts";
import { isAdministrative, type ListedAttachment } from "./attachments.ts";
import { shortId } from "./select.ts";

/**
 * Returns e.g. "default/trainer (4f2c…) net1, since 2026-11-24T21:46:04Z"; after the condition unless it is "attached".
 * The record of a command has no container: "orphaned: 'ib-sriov bind' of VF 0000:03:00.2, since 2026-11-24T21:46:04Z".
 */
export function holderText(attachment: ListedAttachment): string {
  const { condition, name, pod, path, since } = attachment;
  const container = name?.containerId ?? path;
  const who = pod === undefined ? container : `${pod} (${shortId(container)})`;
  const what = isAdministrative(attachment) ? [`'ib-sriov ${container}' of VF`] : [who];
  const words = [condition === "attached" ? "" : `${condition}:`, ...what, name?.ifname ?? ""];
  const text = words.filter((word) => word !== "").join(" ");
  return since === undefined ? text : `${text}, since ${formatTime(since)}`;
}

/** Returns what a finding about an attachment is about: its record, and its VF if that is known. */
export function objectsOf({ path, pci }: ListedAttachment): string[] {
  return pci === undefined ? [path] : [path, pci];
}

/** Returns an attachment as a JSON document. */
export function attachedDocument({
  condition,
  name,
  pod,
  network,
  netns,
  since,
  pci,
  pfGuid,
  path,
}: ListedAttachment): unknown {
  return {
    condition,
    ...name,
    pod,
    network,
    netns,
    since: since === undefined ? undefined : formatTime(since),
    pci,
    portGuid: pfGuid,
    path,
  };
}
