import { c1, c2 } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { contrary, type NamedRequest } from "./requests.ts";

/**
 * What follows an ADD that was killed after a call, the nth of its kind: its DEL, and the ADD of somebody who wants
 * just the contrary.
 * @param what completes "DEL after ".
 */
export function afterKilledAdd(
  what: string,
  { wish, setting }: Pick<NamedRequest, "wish" | "setting">,
  [call, nth]: readonly [call: string, nth: number],
): Scenario[] {
  const arrange = (story: SimulatedNode) => {
    const { end } = story.add(c1, wish, killedAfter(call, nth));
    if (end !== "killed") story.problems.push(`ADD was not killed after ${call}, but ${end}`);
  };
  const others = contrary(wish);
  return [
    {
      name: `DEL after ${what}`,
      setting,
      pod: c1,
      wish,
      arrange,
      act: (story, fault) => story.del(c1, wish, fault),
      followUps: [thenDel],
    },
    {
      name: `another's ADD after ${what}`,
      setting,
      pod: c2,
      wish: others,
      arrange,
      act: (story, fault) => story.add(c2, others, fault),
      followUps: [thenDelOfBoth(c1, wish, "the earlier one first")],
    },
  ];
}
