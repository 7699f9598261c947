import { ALL_ONES_GUID } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, type VirtualFunction } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import type { GoCache } from "../record/go-cache.ts";
import { PhysicalFunction } from "../vf/function.ts";

/**
 * Puts back what the Go plugin has set of a VF that is bound to vfio-pci; of a PF it sets nothing. All of it is at the
 * PF; what there was before, it has not looked at: the link state becomes `auto`, the GUIDs none, where they are still
 * its own.
 */
export function resetVfio(node: Node, vf: VirtualFunction, { guid, linkState }: GoCache): void {
  if (isPhysical(vf) || (guid === undefined && linkState === undefined)) return;
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
