// Events while a VF is attached: a reboot, new VFs at the same addresses, no VFs any more.

import { c1, c2, c3, pf } from "../harness/default-node.ts";
import { thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { killedAdd } from "./del.ts";
import { everything, same } from "./requests.ts";

/** Events of a node while a VF is attached. */
export const events = {
  "a reboot": (machine: Machine) => {
    machine.bootId = "7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11";
    for (const path of [...machine.paths.keys()]) {
      machine.deleteNamespace(path);
      machine.addNamespace(path);
    }
    machine.time.settle();
    machine.bus.recreateVfs(pf);
  },
  "the VFs were created again": (machine: Machine) => machine.bus.recreateVfs(pf),
};

/** A VF that was created again has no GUID; no container gets it without one. */
const whole = { ...everything, linkState: "disable" } as const;

/** Returns DEL, and another container's ADD, after each event: only the lease is left to be released. */
export function aftermathScenarios(): Scenario[] {
  return Object.entries(events).flatMap(([what, event]) =>
    [false, true].flatMap((killed): Scenario[] => {
      const name = `after ${what}${killed ? " in the middle of ADD" : ""}`;
      const arrange = (simulated: SimulatedNode) => {
        if (killed) killedAdd(simulated, ["links.move", 1]);
        else simulated.mustAdd(c1, everything);
        simulated.changeNode(event);
      };
      return [
        {
          name: `DEL ${name}`,
          setting: {},
          pod: c1,
          request: everything,
          arrange,
          act: (simulated, fault) => simulated.del(c1, everything, fault),
          followUps: [thenDel],
        },
        {
          name: `another's ADD ${name}`,
          setting: {},
          pod: c2,
          request: whole,
          arrange,
          act: (simulated, fault) => simulated.add(c2, whole, fault),
          followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same, false)],
        },
      ];
    }),
  );
}

/** Returns DEL after the VFs were removed. */
export function removedScenarios(): Scenario[] {
  return [false, true].map((killed) => ({
    name: `DEL after the VFs were removed${killed ? " in the middle of ADD" : ""}`,
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      if (killed) killedAdd(simulated, ["links.move", 1]);
      else simulated.mustAdd(c1, everything);
      simulated.changeNode((machine) => void machine.bus.removeVfs(pf));
    },
    act: (simulated, fault) => simulated.del(c1, everything, fault),
    followUps: [thenDel],
  }));
}
