import { TimeoutError } from "../../../src/node/clock.ts";
import type { ChildOutcome, Processes } from "../../../src/node/processes.ts";
import type { Child } from "../model/child.ts";
import { Refusal } from "../model/refusal.ts";
import type { Gate } from "./gate.ts";
import { sleepUntil } from "./sleep.ts";

/** Children of a process of the model. */
export function processesOf(gate: Gate, environment: readonly string[]): Processes {
  const { machine, process } = gate;
  return {
    environment: () => gate.ask("processes.environment", "", () => environment),
    start: ({ path, environment: own, stdin, inherit }) =>
      gate.change("processes.start", path, () => {
        if (!machine.programs.has(path)) throw new Refusal("ENOENT", `start ${path}`);
        const files = inherit.map((descriptor) => process.file(descriptor));
        const child = machine.startChild(path, own, stdin, files);
        return {
          wait: (deadline: number) => wait(gate, path, child, deadline),
          kill: () => gate.change("child.kill", path, () => child.kill()),
        };
      }),
  };
}

function wait(gate: Gate, path: string, child: Child, deadline: number): ChildOutcome {
  const { time } = gate.machine;
  const outcome = () => {
    if (child.outcome === undefined) throw new Error(`${path} has not ended`);
    return child.outcome;
  };
  return gate.ask(
    "child.wait",
    path,
    () => {
      sleepUntil(gate, deadline, `${path} to exit`, () => child.outcome !== undefined);
      return outcome();
    },
    {
      // The child hangs at that moment.
      "time is up": () => {
        time.pass(Math.max(0, deadline - time.now));
        throw new TimeoutError(`timed out waiting for ${path} to exit`);
      },
      "killed by a signal": () => {
        child.kill();
        return outcome();
      },
      "printed too much": () => {
        child.kill();
        throw new Refusal("EFBIG", `read the output of ${path}`);
      },
    },
  );
}
