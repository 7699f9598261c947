import type { AttachmentRecord } from "./record/record.ts";

/** The longest time limit for a rollback, ms. */
const longestRollback = 15_000;

/**
 * Returns the part of a call's time limit that is reserved for its rollback, ms: 15 s, or half of the limit if that is
 * less. So the call and its rollback together end in time.
 * @param timeout of the whole call, ms.
 */
export function rollbackTimeOf(timeout: number): number {
  return Math.min(longestRollback, timeout / 2);
}

/** The time limit of a call, and the receivers of its warnings and measurements. */
export interface Limits {
  /** Point on the node's clock at which waiting ends. */
  readonly deadline: number;
  /** Reports something that the operator should know, and that does not fail the call. */
  readonly warn: (message: string) => void;
  /** Measures how long the parts of the call take. */
  readonly observe: Observe;
}

/** An action of a call; "wait" is a wait for another process, such as a lock or an IPAM plugin, or for the kernel. */
export type Action = "apply" | "undo" | "verify" | "wait";

/**
 * Runs a part of a call, and may record how long it took and whether it failed. The result and the error of the part
 * pass through unchanged.
 * @param what the step's name, or the object of the wait, as "VF 0000:03:00.2", "driver bind" or "IPAM plugin
 *   host-local".
 * @param record the attachment that the step is for; `undefined` for a wait.
 */
export type Observe = <T>(
  action: Action,
  what: string,
  record: AttachmentRecord | undefined,
  act: () => T,
) => T;
