import type { VfConfig } from "../../../src/node/links.ts";
import type { Vf } from "../model/functions.ts";
import type { Machine } from "../model/machine.ts";
import { Refusal } from "../model/refusal.ts";

/** Returns the PF's settings for a VF; `undefined` if the kernel cannot send them. */
export function vfConfig(machine: Machine, pf: number, vf: number): VfConfig | undefined {
  const { linkState, adminNodeGuid, adminPortGuid } = vfAt(machine, pf, vf);
  if (!machine.vfConfigReadable) return undefined;
  return { linkState, nodeGuid: adminNodeGuid, portGuid: adminPortGuid };
}

/** Sets the given values whose key `which` accepts. */
export function setVfConfig(
  machine: Machine,
  pf: number,
  vf: number,
  wanted: Partial<VfConfig>,
  which: (key: string) => boolean,
): void {
  const target = vfAt(machine, pf, vf);
  const { linkState, nodeGuid, portGuid } = wanted;
  if (linkState !== undefined && linkState !== target.linkState && which("linkState")) {
    target.linkState = linkState;
    machine.bus.linkChanged(target);
  }
  if (machine.keepsAdminGuids) return;
  if (nodeGuid !== undefined && which("nodeGuid")) target.adminNodeGuid = nodeGuid;
  if (portGuid !== undefined && which("portGuid")) target.adminPortGuid = portGuid;
}

/** Returns the VF with an index at the PF whose netdev has the index `pf` in the host's namespace. */
function vfAt(machine: Machine, pf: number, index: number): Vf {
  const netdev = machine.host.require(pf, `VF ${index} of link ${pf}`);
  const parent = machine.bus.pfs.get(netdev.kind.pci ?? "");
  if (parent === undefined) throw new Refusal("EOPNOTSUPP", `VF ${index} of ${netdev.name}`);
  const vf = parent.vfs[index];
  if (vf === undefined) throw new Refusal("EINVAL", `VF ${index} of ${netdev.name}`);
  return vf;
}
