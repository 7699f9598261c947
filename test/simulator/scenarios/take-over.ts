import { c1, c2, c3, vf } from "../harness/default-node.ts";
import { thenAgain, thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { killedAdd, killPoints } from "./del.ts";
import { another, contrary, everything, same } from "./requests.ts";
import { changeSettings } from "./tampering.ts";

/** Returns ADD for a VF that a killed ADD of another container has left behind. */
export function takeOverScenarios(): Scenario[] {
  const points = killPoints.filter(([call]) => ["functions.unbind", "links.move"].includes(call));
  return [
    { wanted: same, after: killPoints },
    { wanted: contrary, after: points },
    { wanted: another, after: points },
  ].flatMap(({ wanted, after }) =>
    after.map((point): Scenario => {
      const request = wanted(everything);
      return {
        name: `ADD (${wanted.name}) after another's was killed after ${point[0]}`,
        setting: {},
        pod: c2,
        request,
        arrange: (simulated: SimulatedNode) => killedAdd(simulated, point),
        act: (simulated, fault) => simulated.add(c2, request, fault),
        followUps: [thenDelOfBoth(c1, everything, "the earlier one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}

/** Returns ADD for a VF of a container whose namespace is gone. */
export function originalsScenarios(): Scenario[] {
  return [same, contrary].map((wanted): Scenario => {
    const request = wanted(everything);
    return {
      name: `ADD (${wanted.name}) after another's namespace is gone`,
      setting: {},
      pod: c2,
      request,
      arrange: (simulated) => {
        simulated.mustAdd(c1, everything);
        simulated.deleteNamespace(c1);
      },
      act: (simulated, fault) => simulated.add(c2, request, fault),
      followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same, false)],
    };
  });
}

/** Returns ADD for a VF whose netdev the previous container has changed in every way, before its namespace went. */
export function changedScenarios(): Scenario[] {
  return [false, true].flatMap((isHeld) =>
    [{ vf }, everything].map((request): Scenario => {
      const how = request === everything ? "everything" : "no settings";
      return {
        name: `ADD (${how}) after another's changes${isHeld ? ", with a held XDP program" : ""}, and its namespace is gone`,
        setting: {},
        pod: c2,
        request,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          const pod = simulated.machine.paths.get(c1.netns);
          const netdev = pod?.named(c1.ifname)?.[1];
          if (pod === undefined || netdev === undefined) throw new Error("the container has no interface");
          changeSettings(pod, netdev);
          netdev.isXdpHeld = isHeld;
          simulated.deleteNamespace(c1);
        },
        act: (simulated, fault) => simulated.add(c2, request, fault),
        followUps: [thenDelOfBoth(c1, request, "this one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}

/** Returns ADD of a container whose ADD was killed. */
export function againScenarios(): Scenario[] {
  return killPoints
    .filter((_, number) => number % 2 === 1)
    .map((point, number) => ({
      name: `ADD again after it was killed after ${point[0]}`,
      setting: {},
      pod: c1,
      request: everything,
      arrange: (simulated) => killedAdd(simulated, point),
      act: (simulated, fault) => simulated.add(c1, everything, fault),
      followUps: [number % 2 === 0 ? thenDel : thenAgain, thenAnother(c2, contrary, false)],
    }));
}
