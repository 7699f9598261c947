import { formatTime } from "../../log/format-time.ts";
import type { ListedAttachment } from "./attachments.ts";
import { shortId } from "./select.ts";

/**
 * Returns e.g. "default/trainer (4f2c…) net1, since 2026-11-24T21:46:04Z"; after the condition unless it is "attached".
 */
export function attachmentText({ condition, name, pod, path, since }: ListedAttachment): string {
  const container = name?.containerId ?? path;
  const who = pod === undefined ? container : `${pod} (${shortId(container)})`;
  const words = [condition === "attached" ? "" : `${condition}:`, who, name?.ifname ?? ""];
  const text = words.filter((word) => word !== "").join(" ");
  return since === undefined ? text : `${text}, since ${formatTime(since)}`;
}

/** Returns an attachment as a JSON document. */
export function attachmentDocument({
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
