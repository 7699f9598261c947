import type { Result } from "../../cni/result.ts";

/** A lease that ADD has requested from the IPAM plugin. */
export interface Lease {
  /**
   * Waits for the plugin and returns its result.
   * @throws {CniError} if it failed, printed no result with addresses, or did not exit before the deadline.
   */
  result(): Result;
  /**
   * Waits until the plugin exits, and kills it at the deadline. It is not killed earlier, because host-local loses the
   * address permanently if it is killed after it creates its file and before it writes it.
   */
  end(deadline: number): void;
  /** Whether the plugin has exited with an error, so that it has leased nothing. */
  readonly refused: boolean;
}
