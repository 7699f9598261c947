import { c1, c2, c3, vf } from "../harness/default-node.ts";
import { thenAgain, thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { killedAdd, killPoints } from "./del.ts";
import { another, contrary, everything, same } from "./requests.ts";
import { changeSettings } from "./tampering.ts";

/** ADD of a container for a VF that a killed ADD of another one has left behind. */
export function takeOverScenarios(): Scenario[] {
  const points = killPoints.filter(([call]) => ["functions.unbind", "links.move"].includes(call));
  return [
    { wanted: same, after: killPoints },
    { wanted: contrary, after: points },
    { wanted: another, after: points },
  ].flatMap(({ wanted, after }) =>
    after.map((point): Scenario => {
      const wish = wanted(everything);
      return {
        name: `ADD (${wanted.name}) after another's was killed after ${point[0]}`,
        setting: {},
        pod: c2,
        wish,
        arrange: (story: SimulatedNode) => killedAdd(story, point),
        act: (story, fault) => story.add(c2, wish, fault),
        followUps: [thenDelOfBoth(c1, everything, "the earlier one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}

/** ADD of a container for a VF of another whose namespace is gone. */
export function originalsScenarios(): Scenario[] {
  return [same, contrary].map((wanted): Scenario => {
    const wish = wanted(everything);
    return {
      name: `ADD (${wanted.name}) after another's namespace is gone`,
      setting: {},
      pod: c2,
      wish,
      arrange: (story) => {
        story.mustAdd(c1, everything);
        story.deleteNamespace(c1);
      },
      act: (story, fault) => story.add(c2, wish, fault),
      followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same, false)],
    };
  });
}

/** ADD of a container for a VF whose netdev the one before has changed in every way, before its namespace went. */
export function changedScenarios(): Scenario[] {
  return [false, true].flatMap((isHeld) =>
    [{ vf }, everything].map((wish): Scenario => {
      const how = wish === everything ? "everything" : "nothing in particular";
      return {
        name: `ADD (${how}) after another's changed it${isHeld ? ", with a held XDP program" : ""}, and its namespace is gone`,
        setting: {},
        pod: c2,
        wish,
        arrange: (story) => {
          story.mustAdd(c1, wish);
          const pod = story.machine.paths.get(c1.netns);
          const netdev = pod?.named(c1.ifname)?.[1];
          if (pod === undefined || netdev === undefined) throw new Error("the container has no interface");
          changeSettings(pod, netdev);
          netdev.isXdpHeld = isHeld;
          story.deleteNamespace(c1);
        },
        act: (story, fault) => story.add(c2, wish, fault),
        followUps: [thenDelOfBoth(c1, wish, "this one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}

/** ADD once more of a container whose ADD was killed. */
export function againScenarios(): Scenario[] {
  return killPoints
    .filter((_, number) => number % 2 === 1)
    .map((point, number) => ({
      name: `ADD again after it was killed after ${point[0]}`,
      setting: {},
      pod: c1,
      wish: everything,
      arrange: (story) => killedAdd(story, point),
      act: (story, fault) => story.add(c1, everything, fault),
      followUps: [number % 2 === 0 ? thenDel : thenAgain, thenAnother(c2, contrary, false)],
    }));
}
