import { deferSignals } from "host";
import { provision } from "../attachment/admin/provision.ts";
import { openSession, type Session } from "../attachment/lock/session.ts";
import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Command, CommandCall } from "./command.ts";
import { limitsOf, linuxContext, timeoutOption } from "./context.ts";
import { type InventoriedVf, takeInventory } from "./inventory.ts";
import { listingOptions, printListing } from "./output/listing.ts";
import { during } from "./progress.ts";

/** The outcome for one VF. */
interface Line {
  readonly pci: string;
  readonly outcome: "given" | "kept" | "in use" | "failed";
  /** The GUID that the VF has now. */
  readonly guid?: string | undefined;
  /** The error. */
  readonly why?: string;
}

/** Assigns GUIDs to VFs before pods use them. */
export const provisionAll: Command = {
  name: "provision",
  summary: 'Assigns the GUID of "guid": "auto" to every free VF that has no GUID',
  details:
    "Run it at boot, when the VFs exist, so that no pod has to wait for the rebind. A VF with a GUID keeps it.",
  options: [timeoutOption, ...listingOptions],
  run(call: CommandCall): number {
    deferSignals();
    const machine = linuxContext();
    const { node } = machine;
    const vfs = takeInventory(machine).pfs.flatMap((pf) => pf.vfs);
    const lines = vfs.map((vf) => provisioned(openSession(node, limitsOf(node, call)), vf));
    printListing(call, {
      document: { vfs: lines },
      names: lines.map(({ pci }) => pci),
      text: () => (lines.length === 0 ? "This node has no VFs." : lines.map(textOf).join("\n")),
    });
    return lines.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  },
};

function provisioned(session: Session, { pci, holder }: InventoriedVf): Line {
  // The Go plugin does not record the container's namespace, so the VF may be in use.
  if (holder?.condition === "external") return { pci, outcome: "in use" };
  try {
    const { guid, isNew } = during(`assigning a GUID to VF ${pci}`, () => provision(session, pci));
    return { pci, outcome: isNew ? "given" : "kept", guid };
  } catch (error) {
    if (error instanceof CniError && error.code === codes.deviceInUse) return { pci, outcome: "in use" };
    return { pci, outcome: "failed", why: messageOf(error) };
  }
}

function textOf({ pci, outcome, guid, why }: Line): string {
  if (outcome === "failed") return `${pci}: failed: ${why}`;
  return guid === undefined ? `${pci}: ${outcome}` : `${pci}: ${outcome} ${guid}`;
}
