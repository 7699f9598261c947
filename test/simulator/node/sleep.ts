import { InterruptedError, TimeoutError } from "../../../src/node/clock.ts";
import type { Gate } from "./gate.ts";

/**
 * Sleeps until a condition holds.
 * @throws {TimeoutError} at the deadline.
 * @throws {InterruptedError} if a signal arrived that the process does not ignore.
 */
export function sleepUntil(gate: Gate, deadline: number, what: string, holds: () => boolean): void {
  const { machine, process } = gate;
  while (!holds()) {
    if (process.signal !== undefined && !process.ignoresSignals) {
      throw new InterruptedError(`${process.signal} ended the wait for ${what}`);
    }
    if (!machine.time.step(deadline)) throw new TimeoutError(`timed out waiting for ${what}`);
  }
}
