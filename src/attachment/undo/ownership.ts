import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import { generationOf } from "../vf/function.ts";

/**
 * Is the VF still the one that the record's attachment changed? Nothing on it outlives a reboot, or its being
 * destroyed and made anew (`sriov_numvfs`).
 * @param generation reads that of the VF, `undefined` if there is none. It is not called after a reboot.
 */
export function isCurrent(
  node: Node,
  record: AttachmentRecord,
  generation: () => string | undefined,
): boolean {
  return record.bootId === node.clock.bootId() && record.vf.incarnation === generation();
}

/** Is the VF still the one that the record's attachment changed, and nobody else's since? */
export function holdsVf({ node, locks, record }: StepContext): boolean {
  const { owner } = locks;
  if (owner !== undefined && !isNamed(owner, record)) return false;
  return isCurrent(node, record, () => generationOf(node, record.vf));
}
