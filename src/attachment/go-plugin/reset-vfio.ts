import { ALL_ONES_GUID } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, type VirtualFunction } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import type { GoCache } from "../record/go-cache.ts";
import { PhysicalFunction } from "../vf/pci-function.ts";

/**
 * Restores the settings that the Go plugin has made of a VF that is bound to vfio-pci; of a PF it sets nothing. All of
 * them are at the PF. The Go plugin has not recorded the originals, so the link state becomes `auto`, and the GUIDs
 * become all-ones, which means no GUID, if they still have the values that the Go plugin set.
 */
export function resetVfio(node: Node, vf: VirtualFunction, { guid, linkState }: GoCache): void {
  if (isPhysical(vf) || (guid === undefined && linkState === undefined)) return;
  attempt(`restore the GUIDs and the link state of VF ${vf.pci} at its PF`, () => {
    const pf = new PhysicalFunction(node, vf.pf, vf.index);
    const current = pf.vf;
    const hasGoGuid = guid !== undefined && (current.nodeGuid === guid || current.portGuid === guid);
    node.links.setVfConfig(pf.link.index, vf.index, {
      ...(linkState !== undefined && current.linkState === linkState ? { linkState: "auto" } : {}),
      ...(hasGoGuid ? { nodeGuid: ALL_ONES_GUID, portGuid: ALL_ONES_GUID } : {}),
    });
  });
}
