import { TimeoutError } from "../node/clock.ts";
import type { Lock } from "../node/files.ts";

/** Acquires a lock, and reports whether it was free until a deadline on the node's clock. */
export function tryAcquire(lock: Lock, deadline: number): boolean {
  try {
    lock.acquire(deadline);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
