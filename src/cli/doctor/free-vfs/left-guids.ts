import { parseLockContents } from "../../../attachment/lock/lock-contents.ts";
import { StateDirectory } from "../../../attachment/record/state-directory.ts";
import { parseConfiguration } from "../../../cni/configuration.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../../infiniband/derived-guid.ts";
import { type Guid, isUsableGuid, parseGuid } from "../../../infiniband/guid.ts";
import { parseNetworkForDel } from "../../../network-config/settings.ts";
import type { Node } from "../../../node/node.ts";
import { guidsOfVf, type InventoriedPf, type InventoriedVf, isFree } from "../../inventory.ts";
import type { DoctorContext } from "../context.ts";
import { type Finding, warning } from "../finding.ts";
import { setsGuid } from "../guids.ts";
import type { Network } from "../inputs/networks.ts";
import { vfCommand } from "../shell.ts";

/** The error of an ADD that is refused because a free VF has the GUID (plan/reserve-guid.ts). */
const REFUSED = /GUID (\S+) cannot be given to VF .*; no attachment has VF \S+: to take/;

/**
 * Checks for GUIDs of pods that were left on free VFs: ADD of such a pod with another VF is refused. The Go plugin leaves
 * them if it is killed in ADD, before it writes its cache. Nothing on the VF shows that, but a network that names the
 * GUID, a refused ADD, or the VFs beside it, which have no GUID because pods bring theirs.
 */
export function leftGuids(context: DoctorContext): Finding[] {
  const { node, program, pfs = [], attached, networks, recent } = context;
  const free = pfs.flatMap((pf) => pf.vfs.filter(isFree).map((vf) => ({ pf, vf })));
  // Without the records it is not known which VFs are free; that is a finding about VFs.
  if (attached === undefined || free.every(({ vf }) => guidsOfVf(vf).length === 0)) return [];
  const named = new Map<Guid, string>();
  for (const { command, msg, pod, containerID } of recent().failures) {
    const guid = parseGuid(REFUSED.exec(msg)?.[1] ?? "");
    if (command === "ADD" && guid !== undefined)
      named.set(guid, `ADD of ${pod || containerID} with that GUID was refused`);
  }
  for (const network of networks.networks) {
    const guid = guidOf(network);
    if (guid !== undefined) named.set(guid, `network ${network.name} (${network.file}) names it`);
  }
  const podsBringGuids =
    networks.networks.length > 0 &&
    networks.networks.every((each) => setsGuid(each) && each.document.guid !== "auto");
  return free.flatMap(({ pf, vf }) => {
    const guid = guidsOfVf(vf).find((each) => named.has(each));
    const found = (each: Guid, why: string) =>
      `VF ${vf.pci} is free, and has GUID ${each}, which a pod may have left: ${why}; a pod with that GUID gets no other VF`;
    if (guid !== undefined)
      return isConfirmed(node, vf, guid)
        ? []
        : warning("guid-left", found(guid, named.get(guid) ?? ""), {
            command: vfCommand(program, "provision --replace", [vf.pci]),
          });
    if (!podsBringGuids || !isOnlyOne(pf, vf) || vf.portGuid === undefined) return [];
    return warning("guid-left", found(vf.portGuid, "no other free VF of its PF has a GUID"), {
      advice: `if it is not the VF's own: ${vfCommand(program, "provision --replace", [vf.pci])}`,
    });
  });
}

/** Returns the GUID that a network, or the pod of its record, names for a VF. */
function guidOf({ document }: Network): Guid | undefined {
  try {
    return parseNetworkForDel(parseConfiguration(JSON.stringify(document))).guid;
  } catch {
    // An invalid network is a finding elsewhere.
    return undefined;
  }
}

/** Reports whether ADD has found that a GUID that a network names is the VF's own. */
function isConfirmed({ files }: Node, { pci }: InventoriedVf, guid: Guid): boolean {
  try {
    return parseLockContents(new StateDirectory(files).vfNote(pci)).confirmedGuid === guid;
  } catch {
    // An unusable lock file is a finding elsewhere.
    return false;
  }
}

/** Reports whether no other free VF of the PF has a GUID, and "auto" has not derived that GUID. */
function isOnlyOne({ vfs, portGuid }: InventoriedPf, vf: InventoriedVf): boolean {
  const has = ({ portGuid: own }: InventoriedVf) => own !== undefined && isUsableGuid(own);
  const free = vfs.filter(isFree);
  if (free.length < 2 || free.some((each) => has(each) !== (each === vf))) return false;
  const choices = Array.from({ length: DERIVED_GUIDS }, (_, choice) =>
    portGuid === undefined ? undefined : derivedGuid(portGuid, vf.index, choice),
  );
  return !choices.includes(vf.portGuid);
}
