import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Guid } from "../infiniband/guid.ts";
import { parsePciAddress } from "../node/pci-address.ts";
import type { CommandCall } from "./command.ts";
import type { InventoriedVf, NodeInventory } from "./inventory.ts";
import { printListing } from "./output/listing.ts";

/** The outcome of a command for one VF. */
export interface VfOutcome {
  readonly pci: string;
  readonly outcome: "bound" | "given" | "kept" | "in use" | "failed";
  /** The driver that is bound to the VF. */
  readonly driver?: string | undefined;
  /** The GUID that the VF has now. */
  readonly guid?: Guid | undefined;
  /** The error, or the attachment that has the VF. */
  readonly why?: string;
}

/**
 * Returns the VFs that a command names by their PCI addresses; all VFs of the node if it names none.
 * @throws {Error} if a name is not the address of a VF.
 */
export function selectedVfs({ pfs }: NodeInventory, names: readonly string[]): InventoriedVf[] {
  const all = pfs.flatMap(({ vfs }) => vfs);
  if (names.length === 0) return all;
  return names.map((name) => {
    const address = parsePciAddress(name);
    const vf = all.find(({ pci }) => pci === address);
    if (vf === undefined)
      throw new Error(`${name} is not an InfiniBand VF of this node; 'ib-sriov list' shows the VFs`);
    return vf;
  });
}

/**
 * Runs an action on a VF, unless a container has it. An error becomes the outcome of this VF, so that the caller continues
 * with the next VF.
 */
export function outcomeFor(
  { pci, attachment }: InventoriedVf,
  action: () => Pick<VfOutcome, "outcome" | "driver" | "guid">,
): VfOutcome {
  // The Go plugin does not record the container's namespace, so the VF may be in use.
  if (attachment?.condition === "go-plugin")
    return { pci, outcome: "in use", why: `the Go plugin has attached it (${attachment.path})` };
  try {
    return { pci, ...action() };
  } catch (error) {
    const isInUse = error instanceof CniError && error.code === codes.deviceInUse;
    return { pci, outcome: isInUse ? "in use" : "failed", why: messageOf(error) };
  }
}

/**
 * Prints the outcomes.
 * @returns the exit status: 1 if the command failed for a VF, or a VF that it names is in use.
 */
export function printOutcomes(call: CommandCall, outcomes: readonly VfOutcome[]): number {
  printListing(call, {
    document: { vfs: outcomes },
    names: outcomes.map(({ pci }) => pci),
    text: () => (outcomes.length === 0 ? "This node has no VFs." : outcomes.map(outcomeText)),
  });
  const refused = call.words.length > 0 ? ["failed", "in use"] : ["failed"];
  return outcomes.some(({ outcome }) => refused.includes(outcome)) ? 1 : 0;
}

/** Formats an outcome, e.g. "0000:03:00.2: bound mlx5_core". */
export function outcomeText({ pci, outcome, driver, guid, why }: VfOutcome): string {
  if (why !== undefined) return `${pci}: ${outcome}: ${why}`;
  return [`${pci}: ${outcome}`, driver, guid].filter((word) => word !== undefined).join(" ");
}
