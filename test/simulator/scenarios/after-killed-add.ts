import { c1, c2 } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { contrary, type NamedRequest } from "./requests.ts";

/**
 * Returns scenarios after an ADD that was killed after the n-th call of a kind: its DEL, and the ADD of another
 * container whose request is the contrary.
 * @param what completes "DEL after ".
 */
export function afterKilledAdd(
  what: string,
  { request, setting }: Pick<NamedRequest, "request" | "setting">,
  [call, nth]: readonly [call: string, nth: number],
): Scenario[] {
  const arrange = (simulated: SimulatedNode) => {
    const { end } = simulated.add(c1, request, killedAfter(call, nth));
    if (end !== "killed") simulated.problems.push(`ADD was not killed after ${call}, but ${end}`);
  };
  const others = contrary(request);
  return [
    {
      name: `DEL after ${what}`,
      setting,
      pod: c1,
      request,
      arrange,
      act: (simulated, fault) => simulated.del(c1, request, fault),
      followUps: [thenDel],
    },
    {
      name: `another's ADD after ${what}`,
      setting,
      pod: c2,
      request: others,
      arrange,
      act: (simulated, fault) => simulated.add(c2, others, fault),
      followUps: [thenDelOfBoth(c1, request, "the earlier one first")],
    },
  ];
}
