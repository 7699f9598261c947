import type { Fault } from "../node/gate.ts";
import type { Setting } from "./default-node.ts";
import { messageChain, type Run } from "./run.ts";
import { SimulatedNode } from "./simulated-node.ts";
import type { Findings } from "./sweep.ts";

/** Two things at once: one verb, and something else that happens as a whole between two of its calls. */
export interface Interleaving {
  readonly name: string;
  readonly setting: Setting;
  readonly arrange?: (story: SimulatedNode) => void;
  /** The verb that is interrupted. */
  readonly verb: (story: SimulatedNode, fault?: Fault) => Run;
  /** What happens meanwhile: it may be another verb, in a process of its own. */
  readonly meanwhile: (story: SimulatedNode) => Run | undefined;
  /** What must be so afterwards. */
  readonly afterwards: (story: SimulatedNode, ran: Run, other: Run | undefined) => void;
}

/** Runs the verb once for each of its calls, with the other thing just before that call. */
export function interleave(interleaving: Interleaving): Findings {
  const { name, setting, arrange, verb, meanwhile, afterwards } = interleaving;
  const begin = (first?: SimulatedNode) => {
    const story = SimulatedNode.ofSweep(setting, first);
    arrange?.(story);
    return story;
  };
  const first = begin();
  const calls = verb(first).crossings;
  const problems: string[] = [];
  for (const { at, call, subject } of calls) {
    const story = begin(first);
    let other: Run | undefined;
    const ran = verb(story, (crossing) => {
      if (crossing.at === at) other = meanwhile(story);
      return undefined;
    });
    afterwards(story, ran, other);
    const ends = `${ran.end} ${ran.error === undefined ? "" : messageChain(ran.error)}, ${other?.end ?? ""}`;
    problems.push(
      ...story.problems.map((each) => `${name} | before call ${at}, ${call} ${subject} | ${ends}: ${each}`),
    );
  }
  return { cases: calls.length, problems };
}
