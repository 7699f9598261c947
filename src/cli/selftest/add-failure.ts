import type { PluginAnswer } from "./plugin-call.ts";
import type { CheckName } from "./results.ts";

/** The checks that the failure of a step of ADD, or a part of its message, belongs to; the first that matches. */
const CAUSES: readonly (readonly [check: CheckName, step: string, message: RegExp])[] = [
  ["link-policy", "link state", /./],
  ["rebind", "GUID", /cannot bind VF/],
  ["netdev", "GUID", /no netdev|before it had a netdev/],
  ["guid", "GUID", /./],
  ["isolation", "RDMA device", /./],
];

/** The checks that a warning of ADD belongs to. */
const WARNINGS: readonly (readonly [check: CheckName, message: RegExp])[] = [
  ["rebind", /did not bind to VF/],
  ["mtu", /allows no more/],
];

/** Returns the check that is about the cause of a failed ADD: of the step that failed, or ADD as a whole. */
export function checkOfFailure({ error = "", steps }: PluginAnswer): CheckName {
  const failed = steps.filter((each) => each.failed && each.action === "apply").map(({ step }) => step);
  return CAUSES.find(([, step, message]) => failed.includes(step) && message.test(error))?.[0] ?? "add";
}

/** Returns the check that a warning of ADD is about: a specific one, or ADD as a whole. */
export function checkOfWarning(warning: string): CheckName {
  return WARNINGS.find(([, message]) => message.test(warning))?.[0] ?? "add";
}
