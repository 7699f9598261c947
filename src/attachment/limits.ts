import type { AttachmentRecord } from "./record/record.ts";

/** The most that a rollback may take, ms. */
const longestRollback = 15_000;

/**
 * Returns how much of a call's time is kept for its rollback, ms, so that both together end in time: 15 s, or half of it
 * if the call has less than 30 s.
 * @param timeout of the whole call, ms.
 */
export function rollbackTimeOf(timeout: number): number {
  return Math.min(longestRollback, timeout / 2);
}

/** What bounds a call, and whom it tells what it does. */
export interface Limits {
  /** Point on the node's clock where waiting ends. */
  readonly deadline: number;
  /** Says something that the operator should know and that fails nothing. */
  readonly warn: (message: string) => void;
  /** Hears how long the parts of the call take. */
  readonly observe: Observe;
}

/** What is done with a step; "wait": somebody else's work is waited for, as a lock or an IPAM plugin. */
export type Action = "apply" | "undo" | "verify" | "wait";

/**
 * Does a part of a call, and may note how long it took and whether it failed. What it returns and throws passes
 * through: an observer changes nothing.
 * @param what the step's name, or what is waited for, as "VF 0000:03:00.2" or "IPAM plugin host-local".
 * @param record the attachment that the step is for; undefined where something is waited for.
 */
export type Observe = <T>(
  action: Action,
  what: string,
  record: AttachmentRecord | undefined,
  act: () => T,
) => T;
