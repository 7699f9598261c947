import { isObject } from "../../cni/document.ts";
import type { PluginAnswer } from "./plugin-call.ts";
import type { CheckName } from "./results.ts";

/** The checks that the failure of a step of ADD, or of a wait within the step, belongs to; the first that matches. */
const CAUSES: readonly (readonly [check: CheckName, step: string, wait?: string])[] = [
  ["link-policy", "link state"],
  ["rebind", "GUID", "driver bind"],
  ["netdev", "GUID", "netdev"],
  ["guid", "GUID"],
  ["isolation", "RDMA device"],
];

/** Returns the check that is about the cause of a failed ADD: of the step that failed, or ADD as a whole. */
export function checkOfFailure(answer: PluginAnswer): CheckName {
  const isCause = ([, step, wait]: (typeof CAUSES)[number]) =>
    hasFailed(answer, "apply", step) && (wait === undefined || hasFailed(answer, "wait", wait));
  return CAUSES.find(isCause)?.[0] ?? "add";
}

/**
 * Returns the check that the warnings of an ADD are about: a specific one, or ADD as a whole.
 * @param mtu of the VF before ADD.
 */
export function checkOfWarnings(answer: PluginAnswer, mtu: number): CheckName {
  if (hasFailed(answer, "wait", "driver bind")) return "rebind";
  const { interfaces } = answer.result ?? {};
  const [own] = Array.isArray(interfaces) ? interfaces : [];
  return isObject(own) && Number(own.mtu) < mtu ? "mtu" : "add";
}

function hasFailed({ steps }: PluginAnswer, action: string, step: string): boolean {
  return steps.some((each) => each.failed && each.action === action && each.step === step);
}
