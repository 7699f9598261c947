import { ALL_ONES_GUID } from "../infiniband/guid.ts";
import { isWhole, type VirtualFunction } from "../node/functions.ts";
import type { Node } from "../node/node.ts";
import { attempt } from "./failure.ts";
import { PhysicalFunction } from "./function.ts";
import type { ReferenceCache } from "./reference-cache.ts";

/**
 * Puts back what the Go plugin has set of a VF that is bound to vfio-pci; of a PF it sets nothing. All of it is at the
 * PF; what there was before, it has not looked at: the link state becomes `auto`, the GUIDs none, where they are still
 * its own.
 */
export function resetVfio(node: Node, vf: VirtualFunction, { guid, linkState }: ReferenceCache): void {
  if (isWhole(vf) || (guid === undefined && linkState === undefined)) return;
  attempt(`put back what the PF has on file for VF ${vf.pci}`, () => {
    const pf = new PhysicalFunction(node, vf.pf, vf.index);
    const now = pf.vf;
    const isOurs = guid !== undefined && (now.nodeGuid === guid || now.portGuid === guid);
    node.links.setVfConfig(pf.link.index, vf.index, {
      ...(linkState !== undefined && now.linkState === linkState ? { linkState: "auto" } : {}),
      ...(isOurs ? { nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID } : {}),
    });
  });
}
