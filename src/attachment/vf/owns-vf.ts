import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import { generationOf } from "./pci-function.ts";

/**
 * Reports whether the VF is still of the generation that the record's attachment changed. A reboot, or writing
 * `sriov_numvfs`, resets everything that the attachment changed.
 * @param generation reads the VF's generation; `undefined` if the VF does not exist. It is not called after a reboot.
 */
export function isCurrent(
  node: Node,
  record: AttachmentRecord,
  generation: () => string | undefined,
): boolean {
  return record.bootId === node.clock.bootId() && record.vf.generation === generation();
}

/** Reports whether the VF is of the same generation, see {@link isCurrent}, and belongs to no other attachment. */
export function ownsVf({ node, locks, record }: StepContext): boolean {
  const { owner } = locks;
  if (owner !== undefined && !isNamed(owner, record)) return false;
  return isCurrent(node, record, () => generationOf(node, record.vf));
}
