import { TimeoutError } from "../../../src/node/clock.ts";
import type { Watch } from "../../../src/node/links.ts";
import type { Netns } from "../model/netns.ts";
import type { Gate } from "./gate.ts";
import { sleepUntil } from "./sleep.ts";

/** Sees what changes in a namespace from now on. */
export function watchOf(gate: Gate, netns: Netns): Watch {
  return gate.ask("links.watch", netns.label, () => {
    let seen = netns.changes;
    return {
      wait: (deadline: number) =>
        gate.ask(
          "watch.wait",
          netns.label,
          () => {
            sleepUntil(gate, deadline, `a change in ${netns.label}`, () => netns.changes !== seen);
            seen = netns.changes;
          },
          { "time is up": () => timeIsUp(gate, deadline) },
        ),
      close: () => gate.ask("watch.close", netns.label, () => {}),
    };
  });
}

function timeIsUp(gate: Gate, deadline: number): never {
  gate.machine.time.pass(Math.max(0, deadline - gate.machine.time.now));
  throw new TimeoutError("nothing that was waited for has come");
}
