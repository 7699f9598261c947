import type { Result } from "../../cni/result.ts";

/** A lease that the IPAM plugin has been asked for. */
export interface Lease {
  /**
   * Waits for the plugin and returns what it leased.
   * @throws {CniError} where it failed, printed no result with addresses, or was not ready at the deadline.
   */
  result(): Result;
  /**
   * Waits until the plugin has ended; at the deadline it is killed. To kill it at once would be wrong:
   * host-local, killed between creating its file and writing it, loses the address for ever.
   */
  end(deadline: number): void;
  /** Has the plugin said itself that it leased nothing? */
  readonly refused: boolean;
}
