import { DERIVED_GUIDS, derivedGuid } from "../../infiniband/derived-guid.ts";
import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { InventoriedPf, InventoriedVf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, warning } from "./finding.ts";
import { forEachRow, listed, rebindCommand, shellWord } from "./shell.ts";
import { DRAIN, formatError } from "./virtual-functions.ts";

/** A device that has a GUID. */
interface Carrier {
  readonly pf: InventoriedPf;
  /** undefined: the PF itself. */
  readonly vf: InventoriedVf | undefined;
}

/** The GUIDs of VFs: those that have none, and those that several devices have. */
export function guids({ pfs = [] }: DoctorContext): Finding[] {
  const carriers = new Map<Guid, Carrier[]>();
  for (const pf of pfs) {
    for (const vf of [undefined, ...pf.vfs]) {
      // A VF may have the same one twice.
      for (const guid of new Set(vf === undefined ? [pf.portGuid] : [vf.nodeGuid, vf.portGuid])) {
        if (isUsable(guid)) carriers.set(guid, [...(carriers.get(guid) ?? []), { pf, vf }]);
      }
    }
  }
  const short = pfs.flatMap((pf) => withoutGuid(pf, carriers));
  for (const [guid, having] of carriers) {
    if (having.length > 1) short.push(...shared(guid, having, carriers));
  }
  return short.length > 0 || carriers.size === 0
    ? short
    : ok("every free VF has one, and no two devices have the same");
}

/** GUIDs that are taken. */
type Taken = ReadonlyMap<Guid, unknown>;

function withoutGuid(pf: InventoriedPf, taken: Taken): Finding[] {
  const latent: InventoriedVf[] = [];
  const none: InventoriedVf[] = [];
  const ones: InventoriedVf[] = [];
  for (const vf of pf.vfs) {
    const { holder, nodeGuid, portGuid, config } = vf;
    if (holder !== undefined || !(isNone(nodeGuid) || isNone(portGuid))) continue;
    if (isUsable(config.nodeGuid) && isUsable(config.portGuid)) latent.push(vf);
    else if (nodeGuid === ALL_ONES_GUID || portGuid === ALL_ONES_GUID) ones.push(vf);
    else none.push(vf);
  }
  const rows = latent.map(({ pci, driver = "" }) => [pci, driver]);
  const withNone = (vfs: readonly InventoriedVf[], what: string) =>
    formatError(warning, vfs, `${what}: only for networks that bring one`, {
      command: newGuids(pf, vfs, taken),
      advice: 'no need where networks have "guid": "auto", or ib-kubernetes runs',
    });
  return [
    ...formatError(warning, latent, "with a GUID that is not in effect yet", {
      command: forEachRow(rows, rebindCommand("$1", "$2")),
    }),
    ...withNone(none, `without a GUID (${DRAIN})`),
    ...withNone(ones, "with all ones for a GUID, as the Go plugin's DEL leaves it"),
  ];
}

/** A subnet manager takes a GUID for one device. */
function shared(guid: Guid, having: readonly Carrier[], taken: Taken): Finding[] {
  const names = having.map(({ pf, vf }) => vf?.pci ?? pf.pci);
  const found = `${guid} is the GUID of ${listed(names)}: the subnet reaches only one of them`;
  const commands = having.flatMap(({ pf, vf }) =>
    vf !== undefined && vf.holder === undefined ? (newGuids(pf, [vf], taken) ?? []) : [],
  );
  if (commands.length === 0)
    return error(found, {
      advice: "all but one need another; a pod's goes with the pod",
    });
  // One can keep it.
  return error(found, { command: commands.slice(commands.length === having.length ? 1 : 0).join("; ") });
}

/**
 * The command that gives each VF the GUID that "guid": "auto" would derive for it, and binds its driver anew, which puts
 * it into effect; undefined where there is nothing to derive it from.
 */
function newGuids({ netdev, portGuid }: InventoriedPf, vfs: readonly InventoriedVf[], taken: Taken) {
  if (netdev === undefined || !isUsable(portGuid)) return undefined;
  const rows = vfs.map(({ index, pci, driver = "" }) => {
    let choice = 0;
    while (taken.has(derivedGuid(portGuid, index, choice)) && choice < DERIVED_GUIDS) choice++;
    return [`${index}`, derivedGuid(portGuid, index, choice), pci, driver];
  });
  const set = `ip link set ${shellWord(netdev.name)} vf $1`;
  const both = `${set} node_guid $2; ${set} port_guid $2`;
  // The driver in the virtual machine takes it over. A rebind would wait for that machine's end.
  const isWhole = ([, , , driver]: readonly string[]) => driver === VFIO_DRIVER;
  return [
    forEachRow(
      rows.filter((row) => !isWhole(row)),
      `${both}; ${rebindCommand("$3", "$4")}`,
    ),
    forEachRow(rows.filter(isWhole), both),
  ]
    .filter((command) => command !== "")
    .join("; ");
}

function isUsable(guid: Guid | undefined): guid is Guid {
  return guid !== undefined && isUsableGuid(guid);
}

/** Not those that are not known. */
function isNone(guid: Guid | undefined): boolean {
  return guid !== undefined && !isUsable(guid);
}
