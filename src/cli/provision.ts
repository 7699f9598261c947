import { deferSignals } from "host";
import { bind as bindVf } from "../attachment/admin/bind.ts";
import { provision as provisionVf } from "../attachment/admin/provision.ts";
import { attempt } from "../attachment/errors.ts";
import type { Limits } from "../attachment/limits.ts";
import { openSession } from "../attachment/lock/session.ts";
import { usableGuids } from "../attachment/record/guid-notes.ts";
import { StateDirectory } from "../attachment/record/state-directory.ts";
import { type Guid, isUsableGuid } from "../infiniband/guid.ts";
import { type Command, type CommandCall, UsageError } from "./command.ts";
import { type CliContext, limitsOf, linuxContext, timeoutOption } from "./context.ts";
import { guidsOfVf, type InventoriedVf, type NodeInventory, takeInventory } from "./inventory.ts";
import { listingOptions } from "./output/listing.ts";
import { during } from "./progress.ts";
import { outcomeFor, printOutcomes, selectedVfs, type VfOutcome } from "./vf-outcomes.ts";

/** Assigns GUIDs to VFs before pods use them. */
export const provision: Command = {
  name: "provision",
  parameters: ["[VF…]"],
  summary: 'Assigns the GUID of "guid": "auto" to every free VF, or to these VFs, that have no GUID',
  details: `Run it at boot, when the VFs exist, so that no pod has to wait for the rebind. A VF with a GUID keeps it; if its PF has
another GUID for it that is not in effect, the VF is rebound, which puts that GUID into effect. A VF without a driver, as
a killed call leaves it, is bound to the driver of its PF first.

It also notes the port GUID of each PF, which the kernel does not show while vfio-pci is bound to the PF.`,
  options: [
    {
      name: "replace",
      summary: "assigns a new GUID to these VFs even if they have one, which another device may have, too",
    },
    timeoutOption,
    ...listingOptions,
  ],
  examples: [
    ["ib-sriov provision", "assigns a GUID to each VF without one"],
    ["ib-sriov provision --replace 0000:03:00.2", "assigns another GUID to this VF"],
  ],
  run(call: CommandCall): number {
    const replace = call.options.has("replace");
    if (replace && call.words.length === 0)
      throw new UsageError("--replace needs the VFs that get another GUID");
    deferSignals();
    const machine = linuxContext();
    const limits = () => limitsOf(machine.node, call);
    return printOutcomes(call, provisionAll(machine, limits, call.words, { replace }));
  },
};

/**
 * Assigns GUIDs to VFs, one after the other.
 * @param limits returns the limits for each VF.
 * @param names PCI addresses of the VFs; an empty list for all VFs of the node.
 */
export function provisionAll(
  machine: CliContext,
  limits: () => Limits,
  names: readonly string[],
  { replace }: { readonly replace: boolean },
): VfOutcome[] {
  const found = takeInventory(machine);
  notePfGuids(machine, found);
  // GUIDs that were assigned in this run.
  const assigned: Guid[] = [];
  return selectedVfs(found, names).map((vf) =>
    outcomeFor(vf, () => {
      attempt("continue", () => machine.node.clock.checkInterrupted());
      const taken = [...assigned, ...othersGuids(found, vf)];
      const session = openSession(machine.node, limits());
      if (isLeftUnbound(machine, found, vf))
        during(`binding VF ${vf.pci}`, () => bindVf({ ...session, ...limits() }, vf.pci));
      const { guid, isNew } = during(`assigning a GUID to VF ${vf.pci}`, () =>
        provisionVf(session, vf.pci, { replace, taken }),
      );
      if (guid !== undefined) assigned.push(guid);
      return { outcome: isNew ? "given" : "kept", guid };
    }),
  );
}

/** Notes the port GUIDs of PFs, which can be bound to vfio-pci later (StateDirectory.notePfGuid). */
function notePfGuids({ node }: CliContext, { pfs }: NodeInventory): void {
  const state = new StateDirectory(node.files);
  for (const { pci, portGuid } of pfs)
    if (portGuid !== undefined && isUsableGuid(portGuid)) state.notePfGuid(pci, portGuid);
}

/**
 * Reports whether a VF has lost its driver, because a call was killed in a rebind: the kernel had bound it, and it is not
 * reserved for another driver.
 */
function isLeftUnbound({ node, inventory }: CliContext, { pfs }: NodeInventory, vf: InventoriedVf): boolean {
  const pf = pfs.find(({ vfs }) => vfs.includes(vf));
  const reserved = node.functions.driverOverride(vf.pci);
  return (
    vf.driver === undefined &&
    pf?.driver !== undefined &&
    (reserved === undefined || reserved === pf.driver) &&
    inventory.text(`${inventory.sysfsDirectory(pf.pci)}/sriov_drivers_autoprobe`)?.trim() !== "0"
  );
}

/** Returns the GUIDs of the other devices of the node. */
function othersGuids({ pfs }: NodeInventory, { pci }: InventoriedVf): Guid[] {
  const others = pfs.flatMap(({ vfs }) => vfs.filter((vf) => vf.pci !== pci).flatMap(guidsOfVf));
  return [...others, ...usableGuids(pfs.map(({ portGuid }) => portGuid))];
}
