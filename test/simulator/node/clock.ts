import { type Clock, InterruptedError } from "../../../src/node/clock.ts";
import type { Gate } from "./gate.ts";

/** The model's first moment, ms since 1970. */
export const EPOCH = 1_795_000_000_000;

/** The clocks of the model, and the signals of a process. */
export function clockOf(gate: Gate): Clock {
  const { machine, process } = gate;
  let bootId: string | undefined;
  return {
    now: () => gate.ask("clock.now", "", () => machine.time.now),
    wall: () => gate.ask("clock.wall", "", () => EPOCH + machine.time.now),
    bootId: () => {
      bootId ??= gate.ask("clock.bootId", "", () => machine.bootId);
      return bootId;
    },
    bootTime: () => gate.ask("clock.bootTime", "", () => EPOCH),
    pid: process.pid,
    checkInterrupted: () =>
      gate.ask("clock.checkInterrupted", "", () => {
        if (process.signal !== undefined && !process.ignoresSignals)
          throw new InterruptedError(`stopped by ${process.signal}`);
      }),
    ignoreInterrupts: () =>
      gate.ask("clock.ignoreInterrupts", "", () => {
        process.ignoresSignals = true;
      }),
  };
}
