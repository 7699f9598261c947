import { InterruptedError, TimeoutError } from "../../../src/node/clock.ts";
import type { Gate } from "./gate.ts";

/**
 * Sleeps until something holds.
 * @throws {TimeoutError} at the deadline.
 * @throws {InterruptedError} where a signal has come that matters.
 */
export function sleepUntil(gate: Gate, deadline: number, what: string, holds: () => boolean): void {
  const { machine, process } = gate;
  while (!holds()) {
    if (process.signal !== undefined && !process.deaf) {
      throw new InterruptedError(`${process.signal} ended the wait for ${what}`);
    }
    if (!machine.time.step(deadline)) throw new TimeoutError(`waited for ${what} in vain`);
  }
}
