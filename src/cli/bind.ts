import { deferSignals } from "host";
import { bind as bindVf } from "../attachment/admin/bind.ts";
import { attempt } from "../attachment/errors.ts";
import type { Limits } from "../attachment/limits.ts";
import { openSession } from "../attachment/lock/session.ts";
import type { Command, CommandCall } from "./command.ts";
import { type CliContext, limitsOf, linuxContext, timeoutOption } from "./context.ts";
import { type InventoriedVf, takeInventory } from "./inventory.ts";
import { listingOptions } from "./output/listing.ts";
import { during } from "./progress.ts";
import { outcomeFor, printOutcomes, selectedVfs, type VfOutcome } from "./vf-outcomes.ts";

/** Binds the driver of VFs that lack it, or their netdev. */
export const bind: Command = {
  name: "bind",
  parameters: ["VF…"],
  summary: "Binds VFs that have no driver or no netdev to the driver of their PF",
  details: `A VF that has both stays as it is. The changes of an interrupted call are undone. A VF of a running container, or with
another driver, is refused.`,
  options: [
    { name: "driver", value: "NAME", summary: "the driver to bind (default: the driver of the PF)" },
    timeoutOption,
    ...listingOptions,
  ],
  examples: [["ib-sriov bind 0000:03:00.2 0000:03:00.3", "binds two VFs to the driver of their PF"]],
  run(call: CommandCall): number {
    deferSignals();
    const machine = linuxContext();
    const driver = call.options.get("driver");
    const vfs = selectedVfs(takeInventory(machine), call.words);
    return printOutcomes(
      call,
      bindAll(machine, () => limitsOf(machine.node, call), vfs, driver),
    );
  },
};

/**
 * Binds VFs, one after the other.
 * @param limits returns the limits for each VF.
 * @param driver another driver than the PF's.
 */
export function bindAll(
  { node }: CliContext,
  limits: () => Limits,
  vfs: readonly InventoriedVf[],
  driver?: string,
): VfOutcome[] {
  return vfs.map((vf) =>
    outcomeFor(vf, () => {
      attempt("continue", () => node.clock.checkInterrupted());
      const session = openSession(node, limits());
      const bound = during(`binding VF ${vf.pci}`, () => bindVf(session, vf.pci, { driver }));
      return { outcome: bound.isNew ? "bound" : "kept", driver: bound.driver };
    }),
  );
}
