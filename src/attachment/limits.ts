import type { Observe } from "./observe.ts";

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
