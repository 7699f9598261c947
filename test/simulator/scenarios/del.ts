import { c1, c2 } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { type FollowUp, thenAnother, thenDel } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { something } from "./next.ts";
import { everything, type NamedRequest, same } from "./requests.ts";

/** DEL of a container that has its VF. */
export function delScenarios(wanted: readonly NamedRequest[], followUps: readonly FollowUp[]): Scenario[] {
  return wanted.map(({ name, wish, setting }) => ({
    name: `DEL (${name})`,
    setting,
    pod: c1,
    wish,
    arrange: (story) => void story.mustAdd(c1, wish),
    act: (story, fault) => story.del(c1, wish, fault),
    followUps,
  }));
}

/** The calls of ADD after which a kill leaves the most different states. */
export const killPoints: readonly [call: string, nth: number][] = [
  ["files.create", 1],
  ["processes.start", 1],
  ["links.setVfConfig", 2],
  ["functions.unbind", 1],
  ["functions.bind", 1],
  ["links.move", 1],
  ["links.configure", 1],
];

/** Has an ADD of c1 for everything be killed at some point. */
export function killedAdd(story: SimulatedNode, [call, nth]: readonly [string, number]): void {
  const { end } = story.add(c1, everything, killedAfter(call, nth));
  if (end !== "killed") story.problems.push(`ADD was not killed after ${call}, but ${end}`);
}

/** DEL of a container whose ADD was killed. */
export function delAfterKillScenarios(): Scenario[] {
  return killPoints.map((point, number) => ({
    name: `DEL after an ADD that was killed after ${point[0]}`,
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => killedAdd(story, point),
    act: (story, fault) => story.del(c1, everything, fault),
    followUps: number % 2 === 0 ? something() : [thenDel],
  }));
}

/** DEL without the namespace: it is gone, or not told, or both. */
export function delWithoutNamespaceScenarios(wanted: readonly NamedRequest[]): Scenario[] {
  return wanted.flatMap(({ name, wish, setting }) =>
    (["at once", "later", "never"] as const).map((gone) => ({
      name: `DEL with an empty CNI_NETNS (${name}), the devices being home ${gone}`,
      setting,
      pod: c1,
      wish,
      arrange: (story: SimulatedNode) => {
        story.mustAdd(c1, wish);
        if (gone !== "never") story.deleteNamespace(c1);
        if (gone === "at once") story.machine.time.settle();
      },
      act: (story, fault) => story.del(c1, wish, fault, null),
      followUps: [gone === "later" ? thenAnother(c2, same, false) : thenDel],
    })),
  );
}

/** DEL of what was never there. */
export function delOfNothingScenario(): Scenario {
  return {
    name: "DEL of what was never added",
    setting: {},
    pod: c1,
    wish: everything,
    act: (story, fault) => story.del(c1, everything, fault),
    followUps: [thenDel, thenAnother(c2, same, false)],
  };
}
