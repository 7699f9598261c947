// A VF for the namespace in which the plugin runs (CNI_NETNS_OVERRIDE).

import { thenDel } from "../harness/follow-ups.ts";
import type { Pod } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { requests } from "./requests.ts";

/** A pod whose namespace is the host's. */
const own: Pod = { containerId: "own", ifname: "net1", netns: "/proc/1/ns/net" };

/** Returns ADD and DEL of such a VF, with all their faults. */
export function ownNetnsScenarios(): Scenario[] {
  // Older kernels refuse to rename a netdev that is up.
  const setting = { renamesUp: true };
  const open = ({ machine }: SimulatedNode) => void machine.paths.set(own.netns, machine.host);
  return requests()
    .filter(({ name }) => ["no settings", "an address", "everything"].includes(name))
    .flatMap(({ name, request }): Scenario[] => {
      const wanted = { ...request, ownNetnsAllowed: true };
      const common = { setting, pod: own, request: wanted };
      return [
        {
          ...common,
          name: `ADD to the plugin's own namespace (${name})`,
          arrange: open,
          act: (simulated, fault) => simulated.add(own, wanted, fault),
          rollsBack: true,
          followUps: [thenDel],
        },
        {
          ...common,
          name: `DEL from the plugin's own namespace (${name})`,
          arrange: (simulated) => {
            open(simulated);
            simulated.mustAdd(own, wanted);
          },
          act: (simulated, fault) => simulated.del(own, wanted, fault),
          followUps: [thenDel],
        },
      ];
    });
}
