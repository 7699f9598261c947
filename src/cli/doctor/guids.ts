import { usableGuids } from "../../attachment/record/guid-notes.ts";
import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { guidsOfVf, type InventoriedPf, type InventoriedVf, isFree } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, type FindingId, ok, type ReportProblem, skipped, warning } from "./finding.ts";
import type { Network } from "./inputs/networks.ts";
import { listed, vfCommand } from "./shell.ts";
import { DRAINS_NODE, vfFinding } from "./virtual-functions.ts";

/** A PF or VF that has a GUID. */
interface Carrier {
  readonly pf: InventoriedPf;
  /** `undefined` for the PF itself. */
  readonly vf: InventoriedVf | undefined;
}

/** Checks GUIDs: VFs without a GUID, GUIDs that are not in effect, and GUIDs that several devices have. */
export function guids(context: DoctorContext): Finding[] {
  const { pfs = [], attached } = context;
  const vfs = pfs.flatMap((pf) => pf.vfs);
  // Without the records it is not known which VFs are free; that is a finding about VFs.
  if (attached === undefined || vfs.length === 0) return [];
  const problems = [...missing(context, pfs), ...duplicates(context, pfs)];
  if (problems.length > 0) return problems;
  const unknown = vfs.filter((vf) => isFree(vf) && (vf.nodeGuid === undefined || vf.portGuid === undefined));
  return unknown.length > 0
    ? vfFinding(skipped, "guid-unknown", unknown, "GUIDs that cannot be read here")
    : ok("guid-ok", "every free VF has a GUID, and no two devices have the same GUID");
}

/** Checks free VFs without a GUID, or with a GUID that is not in effect. */
function missing(context: DoctorContext, pfs: readonly InventoriedPf[]): Finding[] {
  const vfs = pfs.flatMap((pf) => pf.vfs);
  const without = vfs.filter((vf) => isFree(vf) && hasNone(vf));
  const needing = context.networks.networks.filter((network) => !setsGuid(network));
  const noneSetsGuid = needing.length > 0 || context.networks.networks.length === 0;
  if (without.length > 0 && !vfs.some(hasOwnGuid) && noneSetsGuid)
    return noGuid(context, pfs, without, needing);
  const ineffective = vfs.filter((vf) => isFree(vf) && isNotInEffect(vf));
  const others = without.filter((vf) => !ineffective.includes(vf));
  const isAllOnes = ({ nodeGuid, portGuid }: InventoriedVf) =>
    nodeGuid === ALL_ONES_GUID || portGuid === ALL_ONES_GUID;
  const usable = "usable only for networks that set a GUID";
  return [
    ...provisionFinding(
      context,
      pfs,
      warning,
      "guid-not-in-effect",
      ineffective,
      "a GUID at the PF that is not in effect",
    ),
    ...provisionFinding(
      context,
      pfs,
      warning,
      "guid-missing",
      others.filter((vf) => !isAllOnes(vf)),
      `no GUID: ${usable}, and ${DRAINS_NODE}`,
    ),
    ...provisionFinding(
      context,
      pfs,
      warning,
      "guid-all-ones",
      others.filter(isAllOnes),
      `all ones as the GUID, which the Go plugin's DEL sets: ${usable}`,
    ),
  ];
}

/** Returns the finding that no VF of the node has a GUID, and that networks set none. */
function noGuid(
  context: DoctorContext,
  pfs: readonly InventoriedPf[],
  vfs: readonly InventoriedVf[],
  needing: readonly Network[],
): Finding[] {
  const names = listed(needing.map(({ name, file }) => `${name} (${file})`));
  return needing.length === 0
    ? provisionFinding(
        context,
        pfs,
        warning,
        "guid-none",
        vfs,
        "no GUID, and no other VF has one: usable only for networks that set a GUID",
      )
    : provisionFinding(
        context,
        pfs,
        error,
        "guid-none",
        vfs,
        `no GUID, no other VF has one, and no GUID is set by ${names}`,
      );
}

/** Returns a finding about VFs whose remedy is `provision`, which needs the netdev and the GUID of their PF. */
function provisionFinding(
  { program }: DoctorContext,
  pfs: readonly InventoriedPf[],
  report: ReportProblem,
  id: FindingId,
  vfs: readonly InventoriedVf[],
  what: string,
): Finding[] {
  const capable = pfs.filter(({ netdev, portGuid }) => netdev !== undefined && isUsable(portGuid));
  const addresses = vfs.filter((vf) => capable.some((pf) => pf.vfs.includes(vf))).map(({ pci }) => pci);
  if (addresses.length === 0)
    return vfFinding(report, id, vfs, what, {
      advice: "the PF needs a netdev and a GUID, from which GUIDs of VFs are derived",
    });
  return vfFinding(report, id, vfs, what, {
    command: vfCommand(program, "provision", addresses),
    advice: ADVICE[id],
    fix: { kind: "provision", vfs: addresses },
  });
}

/** The other way to get GUIDs. */
const ADVICE: Partial<Record<FindingId, string>> = {
  "guid-none": 'or set "guid": "auto" in the networks, or run ib-kubernetes',
  "guid-missing": 'not needed if networks have "guid": "auto", or ib-kubernetes runs',
  "guid-all-ones": 'not needed if networks have "guid": "auto", or ib-kubernetes runs',
};

/** Reports whether a network brings a GUID for each of its pods. */
export function setsGuid({ document }: Network): boolean {
  const { guid, ibKubernetesEnabled, capabilities, runtimeConfig } = document;
  const has = (value: unknown) =>
    typeof value === "object" && value !== null && Boolean((value as Record<string, unknown>).infinibandGUID);
  return Boolean(guid) || ibKubernetesEnabled === true || has(capabilities) || has(runtimeConfig);
}

/** Checks GUIDs that several devices have, which a subnet manager treats as one device. */
function duplicates({ program }: DoctorContext, pfs: readonly InventoriedPf[]): Finding[] {
  const carriers = new Map<Guid, Carrier[]>();
  for (const pf of pfs) {
    for (const vf of [undefined, ...pf.vfs]) {
      for (const guid of vf === undefined ? usableGuids([pf.portGuid]) : guidsOfVf(vf))
        carriers.set(guid, [...(carriers.get(guid) ?? []), { pf, vf }]);
    }
  }
  return [...carriers].flatMap(([guid, sharing]) =>
    sharing.length > 1 ? shared(program, guid, sharing) : [],
  );
}

function shared(program: string, guid: Guid, sharing: readonly Carrier[]): Finding[] {
  const names = sharing.map(({ pf, vf }) =>
    vf === undefined ? pf.pci : `${vf.pci}${runsWith(vf, guid) ? "" : " (not in effect yet)"}`,
  );
  const found = `${guid} is the GUID of ${listed(names)}: the subnet reaches only one device`;
  const free = sharing.flatMap(({ vf }) => (vf !== undefined && isFree(vf) ? vf.pci : []));
  // One device can keep the GUID.
  const replaced = free.slice(free.length === sharing.length ? 1 : 0);
  const command = vfCommand(program, "provision --replace", replaced);
  const advice =
    "all devices except one need a different GUID; the VF of a pod loses this GUID when the pod ends";
  return error("guid-duplicate", found, command === undefined ? { advice } : { command });
}

function runsWith({ nodeGuid, portGuid }: InventoriedVf, guid: Guid): boolean {
  return nodeGuid === guid || portGuid === guid;
}

function isUsable(guid: Guid | undefined): guid is Guid {
  return guid !== undefined && isUsableGuid(guid);
}

/** Reports whether a GUID of a VF is known to be unset. */
function hasNone({ nodeGuid, portGuid }: InventoriedVf): boolean {
  return [nodeGuid, portGuid].some((guid) => guid !== undefined && !isUsable(guid));
}

/** Reports whether a VF has a GUID, or may have one, that does not come from the network of a container. */
function hasOwnGuid(vf: InventoriedVf): boolean {
  if (isFree(vf)) return !hasNone(vf);
  const original = vf.attachment?.record?.originals.portGuid;
  return original === undefined ? vf.attachment?.record?.desired.guid === undefined : isUsable(original);
}

/** Reports whether the PF stores GUIDs of a VF with which the VF does not run. */
function isNotInEffect({ nodeGuid, portGuid, config }: InventoriedVf): boolean {
  if (!isUsable(config.nodeGuid) || !isUsable(config.portGuid)) return false;
  const differs = (own: Guid | undefined, stored: Guid | undefined) => own !== undefined && own !== stored;
  return differs(nodeGuid, config.nodeGuid) || differs(portGuid, config.portGuid);
}
