// A VF for the namespace that the plugin runs in (CNI_NETNS_OVERRIDE).

import { thenDel } from "../harness/follow-ups.ts";
import type { Pod } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { requests } from "./requests.ts";

/** Attaches a VF without taking it out of the host's namespace. */
const own: Pod = { containerId: "own", ifname: "net1", netns: "/proc/1/ns/net" };

/** ADD and DEL of such a VF, with everything that can befall them. */
export function ownNetnsScenarios(): Scenario[] {
  // Older kernels refuse to rename a netdev that is up.
  const setting = { renamesUp: true };
  const open = ({ machine }: SimulatedNode) => void machine.paths.set(own.netns, machine.host);
  return requests()
    .filter(({ name }) => ["nothing in particular", "an address", "everything"].includes(name))
    .flatMap(({ name, wish }): Scenario[] => {
      const wanted = { ...wish, ownNetnsAllowed: true };
      const common = { setting, pod: own, wish: wanted };
      return [
        {
          ...common,
          name: `ADD to the plugin's own namespace (${name})`,
          arrange: open,
          act: (story, fault) => story.add(own, wanted, fault),
          rollsBack: true,
          followUps: [thenDel],
        },
        {
          ...common,
          name: `DEL from the plugin's own namespace (${name})`,
          arrange: (story) => {
            open(story);
            story.mustAdd(own, wanted);
          },
          act: (story, fault) => story.del(own, wanted, fault),
          followUps: [thenDel],
        },
      ];
    });
}
