import { deferSignals } from "host";
import { provision as provisionVf } from "../attachment/admin/provision.ts";
import { attempt } from "../attachment/errors.ts";
import type { Limits } from "../attachment/limits.ts";
import { openSession } from "../attachment/lock/session.ts";
import type { Guid } from "../infiniband/guid.ts";
import { type Command, type CommandCall, UsageError } from "./command.ts";
import { type CliContext, limitsOf, linuxContext, timeoutOption } from "./context.ts";
import { type InventoriedVf, type NodeInventory, takeInventory } from "./inventory.ts";
import { listingOptions } from "./output/listing.ts";
import { during } from "./progress.ts";
import { outcomeFor, printOutcomes, selectedVfs, type VfOutcome } from "./vf-outcomes.ts";

/** Assigns GUIDs to VFs before pods use them. */
export const provision: Command = {
  name: "provision",
  parameters: ["[VF…]"],
  summary: 'Assigns the GUID of "guid": "auto" to every free VF, or to these VFs, that have no GUID',
  details: `Run it at boot, when the VFs exist, so that no pod has to wait for the rebind. A VF with a GUID keeps it; if its PF has
another GUID for it that is not in effect, the VF is rebound, which puts that GUID into effect.`,
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
  // GUIDs that were assigned in this run.
  const assigned: Guid[] = [];
  return selectedVfs(found, names).map((vf) =>
    outcomeFor(vf, () => {
      attempt("continue", () => machine.node.clock.checkInterrupted());
      const taken = [...assigned, ...othersGuids(found, vf)];
      const session = openSession(machine.node, limits());
      const { guid, isNew } = during(`assigning a GUID to VF ${vf.pci}`, () =>
        provisionVf(session, vf.pci, { replace, taken }),
      );
      if (guid !== undefined) assigned.push(guid);
      return { outcome: isNew ? "given" : "kept", guid };
    }),
  );
}

/** Returns the GUIDs of the other devices of the node: those in effect, and those that PFs have for their VFs. */
function othersGuids({ pfs }: NodeInventory, { pci }: InventoriedVf): Guid[] {
  return pfs
    .flatMap((pf) => [
      pf.portGuid,
      ...pf.vfs
        .filter((vf) => vf.pci !== pci)
        .flatMap(({ nodeGuid, portGuid, config }) => [nodeGuid, portGuid, config.nodeGuid, config.portGuid]),
    ])
    .filter((guid) => guid !== undefined);
}
