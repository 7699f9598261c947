import { c1, c2 } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { type FollowUp, thenAnother, thenDel } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { something } from "./next.ts";
import { everything, type NamedRequest, same } from "./requests.ts";

/** Returns scenarios of a DEL of a container that has its VF. */
export function delScenarios(wanted: readonly NamedRequest[], followUps: readonly FollowUp[]): Scenario[] {
  return wanted.map(({ name, request, setting }) => ({
    name: `DEL (${name})`,
    setting,
    pod: c1,
    request,
    arrange: (simulated) => void simulated.mustAdd(c1, request),
    act: (simulated, fault) => simulated.del(c1, request, fault),
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

/** Runs an ADD of c1 for everything, and kills it at a call. */
export function killedAdd(simulated: SimulatedNode, [call, nth]: readonly [string, number]): void {
  const { end } = simulated.add(c1, everything, killedAfter(call, nth));
  if (end !== "killed") simulated.problems.push(`ADD was not killed after ${call}, but ${end}`);
}

/** Returns DEL of a container whose ADD was killed. */
export function delAfterKillScenarios(): Scenario[] {
  return killPoints.map((point, number) => ({
    name: `DEL after an ADD that was killed after ${point[0]}`,
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => killedAdd(simulated, point),
    act: (simulated, fault) => simulated.del(c1, everything, fault),
    followUps: number % 2 === 0 ? something() : [thenDel],
  }));
}

/** Returns DEL without CNI_NETNS, of a namespace that is gone for some time, that has just gone, or that exists. */
export function delWithoutNamespaceScenarios(wanted: readonly NamedRequest[]): Scenario[] {
  return wanted.flatMap(({ name, request, setting }) =>
    (["at once", "later", "never"] as const).map((gone) => ({
      name: `DEL with an empty CNI_NETNS (${name}), the devices returning to the host ${gone}`,
      setting,
      pod: c1,
      request,
      arrange: (simulated: SimulatedNode) => {
        simulated.mustAdd(c1, request);
        if (gone !== "never") simulated.deleteNamespace(c1);
        if (gone === "at once") simulated.machine.time.settle();
      },
      act: (simulated, fault) => simulated.del(c1, request, fault, null),
      followUps: [gone === "later" ? thenAnother(c2, same, false) : thenDel],
    })),
  );
}

/** Returns a DEL of an attachment that never existed. */
export function delOfNothingScenario(): Scenario {
  return {
    name: "DEL of an attachment that never existed",
    setting: {},
    pod: c1,
    request: everything,
    act: (simulated, fault) => simulated.del(c1, everything, fault),
    followUps: [thenDel, thenAnother(c2, same, false)],
  };
}
