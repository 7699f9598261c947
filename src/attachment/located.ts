import { isWhole } from "../node/functions.ts";
import type { Node } from "../node/node.ts";
import type { AttachmentRecord } from "./record.ts";

/**
 * The record, with the place that its VF really has at its PF: what is set through the PF goes by that index, and a
 * damaged record could name another VF's.
 */
export function located(node: Node, record: AttachmentRecord): AttachmentRecord {
  const { vf } = record;
  if (isWhole(vf) || node.functions.isVirtualOf(vf)) return record;
  // Of a VF that is gone, or was made anew, nothing is set.
  if (node.functions.incarnation(vf.pci) !== vf.incarnation) return record;
  return { ...record, vf: node.functions.virtualFunction(vf.pci) };
}
