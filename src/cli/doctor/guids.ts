import { DERIVED_GUIDS, derivedGuid } from "../../infiniband/derived-guid.ts";
import { ALL_ONES_GUID, type Guid, isUsableGuid } from "../../infiniband/guid.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { InventoriedPf, InventoriedVf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, warning } from "./finding.ts";
import { forEachRow, listed, rebindCommand, shellWord } from "./shell.ts";
import { DRAINS_NODE, vfFinding } from "./virtual-functions.ts";

/** A PF or VF that has a GUID. */
interface Carrier {
  readonly pf: InventoriedPf;
  /** `undefined` for the PF itself. */
  readonly vf: InventoriedVf | undefined;
}

/** Checks GUIDs: VFs without a GUID, and GUIDs that several devices have. */
export function guids({ pfs = [] }: DoctorContext): Finding[] {
  const carriers = new Map<Guid, Carrier[]>();
  for (const pf of pfs) {
    for (const vf of [undefined, ...pf.vfs]) {
      // Node GUID and port GUID of a VF can be the same.
      for (const guid of new Set(vf === undefined ? [pf.portGuid] : [vf.nodeGuid, vf.portGuid])) {
        if (isUsable(guid)) carriers.set(guid, [...(carriers.get(guid) ?? []), { pf, vf }]);
      }
    }
  }
  const problems = pfs.flatMap((pf) => withoutGuid(pf, carriers));
  for (const [guid, sharing] of carriers) {
    if (sharing.length > 1) problems.push(...shared(guid, sharing, carriers));
  }
  return problems.length > 0 || carriers.size === 0
    ? problems
    : ok("every free VF has a GUID, and no two devices have the same GUID");
}

/** GUIDs that a device has. */
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
    vfFinding(warning, vfs, `${what}: usable only for networks that set a GUID`, {
      command: newGuids(pf, vfs, taken),
      fix: { kind: "provision", vfs: vfs.map(({ pci }) => pci) },
      advice: 'not needed if networks have "guid": "auto", or ib-kubernetes runs',
    });
  return [
    ...vfFinding(warning, latent, "with a GUID that is not in effect yet", {
      command: forEachRow(rows, rebindCommand("$1", "$2")),
      fix: { kind: "provision", vfs: latent.map(({ pci }) => pci) },
    }),
    ...withNone(none, `without a GUID (${DRAINS_NODE})`),
    ...withNone(ones, "with all ones as the GUID, which the Go plugin's DEL sets"),
  ];
}

/** Returns the finding about a GUID that several devices have, which a subnet manager treats as one device. */
function shared(guid: Guid, sharing: readonly Carrier[], taken: Taken): Finding[] {
  const names = sharing.map(({ pf, vf }) => vf?.pci ?? pf.pci);
  const found = `${guid} is the GUID of ${listed(names)}: the subnet reaches only one device`;
  const commands = sharing.flatMap(({ pf, vf }) =>
    vf !== undefined && vf.holder === undefined ? (newGuids(pf, [vf], taken) ?? []) : [],
  );
  if (commands.length === 0)
    return error(found, {
      advice:
        "all devices except one need a different GUID; the VF of a pod loses this GUID when the pod ends",
    });
  // One device can keep the GUID.
  return error(found, { command: commands.slice(commands.length === sharing.length ? 1 : 0).join("; ") });
}

/**
 * Returns the command that assigns each VF the GUID that "guid": "auto" would derive for it, and rebinds the VF, with
 * which the GUID takes effect; `undefined` if the PF has no netdev or no GUID to derive from.
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
  // The driver in the virtual machine reads the new GUID. A rebind would wait until that machine ends.
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

/** Reports whether a GUID is known to be unset. */
function isNone(guid: Guid | undefined): boolean {
  return guid !== undefined && !isUsable(guid);
}
