import { deferSignals } from "host";
import type { Limits } from "../attachment/limits.ts";
import { provision } from "../attachment/operator/provision.ts";
import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Node } from "../node/node.ts";
import { type Command, type CommandCall, jsonOption } from "./command.ts";
import { limitsOf, linuxContext } from "./context.ts";
import { type InventoriedVf, takeInventory } from "./inventory.ts";
import { printJson, printLine } from "./output.ts";

/** What has become of a VF. */
interface Line {
  readonly pci: string;
  readonly outcome: "given" | "kept" | "in use" | "failed";
  /** The GUID that it has now. */
  readonly guid?: string | undefined;
  /** What failed. */
  readonly why?: string;
}

/** Gives VFs their GUIDs before pods want them. */
export const provisionAll: Command = {
  name: "provision",
  summary: 'Gives every free VF the GUID that "guid": "auto" has for it',
  details:
    "To be called at boot, once the VFs are there, so that no pod pays for the rebind. A VF with a GUID keeps it.",
  options: [jsonOption],
  run({ options }: CommandCall): number {
    deferSignals();
    const machine = linuxContext();
    const { node } = machine;
    const vfs = takeInventory(machine).pfs.flatMap((pf) => pf.vfs);
    const lines = vfs.map((vf) => provisioned(node, limitsOf(node), vf));
    if (options.has("json")) printJson(lines);
    else if (lines.length === 0) printLine("There are no VFs.");
    else for (const line of lines) printLine(textOf(line));
    return lines.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  },
};

function provisioned(node: Node, limits: Limits, { pci, holder }: InventoriedVf): Line {
  // Where the container is the Go plugin does not say, so its VF must be left.
  if (holder?.condition === "foreign") return { pci, outcome: "in use" };
  try {
    const { guid, isNew } = provision(node, limits, pci);
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
