// What has happened to the node while a VF was attached: a reboot, other VFs at the same addresses, no VFs.

import { c1, c2, c3, pf } from "../harness/default-node.ts";
import { thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { killedAdd } from "./del.ts";
import { everything, same } from "./requests.ts";

/** What can happen to a node while a VF is attached. */
export const events = {
  "a reboot": (machine: Machine) => {
    machine.bootId = "7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11";
    for (const path of [...machine.paths.keys()]) {
      machine.deleteNamespace(path);
      machine.addNamespace(path);
    }
    machine.time.settle();
    machine.bus.makeVfsAnew(pf);
  },
  "the VFs were made anew": (machine: Machine) => machine.bus.makeVfsAnew(pf),
};

/** A VF that was made anew has no GUID, and gets one before it can be had without. */
const whole = { ...everything, linkState: "disable" } as const;

/** DEL, or another's ADD, after each: only the lease is left to be released. */
export function aftermathScenarios(): Scenario[] {
  return Object.entries(events).flatMap(([what, event]) =>
    [false, true].flatMap((killed): Scenario[] => {
      const name = `after ${what}${killed ? " in the middle of ADD" : ""}`;
      const arrange = (story: SimulatedNode) => {
        if (killed) killedAdd(story, ["links.move", 1]);
        else story.mustAdd(c1, everything);
        story.happens(event);
      };
      return [
        {
          name: `DEL ${name}`,
          setting: {},
          pod: c1,
          wish: everything,
          arrange,
          act: (story, fault) => story.del(c1, everything, fault),
          followUps: [thenDel],
        },
        {
          name: `another's ADD ${name}`,
          setting: {},
          pod: c2,
          wish: whole,
          arrange,
          act: (story, fault) => story.add(c2, whole, fault),
          followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same, false)],
        },
      ];
    }),
  );
}

/** DEL after the VFs were removed. */
export function removedScenarios(): Scenario[] {
  return [false, true].map((killed) => ({
    name: `DEL after the VFs were removed${killed ? " in the middle of ADD" : ""}`,
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      if (killed) killedAdd(story, ["links.move", 1]);
      else story.mustAdd(c1, everything);
      story.happens((machine) => void machine.bus.removeVfs(pf));
    },
    act: (story, fault) => story.del(c1, everything, fault),
    followUps: [thenDel],
  }));
}
