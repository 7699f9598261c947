import { TimeoutError } from "../../../src/node/clock.ts";
import type { Watch } from "../../../src/node/links.ts";
import type { Gate } from "./gate.ts";
import { sleepUntil } from "./sleep.ts";

/** Watches for changes from now on, by the count of changes. */
export function watchOf(gate: Gate, call: string, what: string, changes: () => number): Watch {
  return gate.ask(call, what, () => {
    let seen = changes();
    return {
      wait: (deadline: number) =>
        gate.ask(
          "watch.wait",
          what,
          () => {
            sleepUntil(gate, deadline, `a change of ${what}`, () => changes() !== seen);
            seen = changes();
          },
          { "time is up": () => timeIsUp(gate, deadline) },
        ),
      close: () => gate.ask("watch.close", what, () => {}),
    };
  });
}

function timeIsUp(gate: Gate, deadline: number): never {
  gate.machine.time.pass(Math.max(0, deadline - gate.machine.time.now));
  throw new TimeoutError("timed out waiting for a change");
}
