import type { Fault } from "../node/gate.ts";
import type { Setting } from "./default-node.ts";
import { messageChain, type Run } from "./run.ts";
import { SimulatedNode } from "./simulated-node.ts";
import type { Findings } from "./sweep.ts";

/** One verb, and another event that takes place completely between two of its calls. */
export interface Interleaving {
  readonly name: string;
  readonly setting: Setting;
  readonly arrange?: (simulated: SimulatedNode) => void;
  /** The verb that is interrupted. */
  readonly verb: (simulated: SimulatedNode, fault?: Fault) => Run;
  /** The event in between: it can be another verb, in a separate process. */
  readonly beforeCall: (simulated: SimulatedNode) => Run | undefined;
  /** Checks the node afterwards. */
  readonly afterwards: (simulated: SimulatedNode, ran: Run, other: Run | undefined) => void;
}

/** Runs the verb once for each of its calls, with the event just before that call. */
export function interleave(interleaving: Interleaving): Findings {
  const { name, setting, arrange, verb, beforeCall, afterwards } = interleaving;
  const begin = (first?: SimulatedNode) => {
    const simulated = SimulatedNode.ofSweep(setting, first);
    arrange?.(simulated);
    return simulated;
  };
  const first = begin();
  const calls = verb(first).crossings;
  const problems: string[] = [];
  for (const { at, call, subject } of calls) {
    const simulated = begin(first);
    let other: Run | undefined;
    const ran = verb(simulated, (crossing) => {
      if (crossing.at === at) other = beforeCall(simulated);
      return undefined;
    });
    afterwards(simulated, ran, other);
    const ends = `${ran.end} ${ran.error === undefined ? "" : messageChain(ran.error)}, ${other?.end ?? ""}`;
    problems.push(
      ...simulated.problems.map(
        (each) => `${name} | before call ${at}, ${call} ${subject} | ${ends}: ${each}`,
      ),
    );
  }
  return { cases: calls.length, problems };
}
