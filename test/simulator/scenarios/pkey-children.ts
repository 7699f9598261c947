import { c1, c2, c3 } from "../harness/default-node.ts";
import { thenAnother, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { pkeyChild } from "../model/netdev.ts";
import { contrary, requests, same } from "./requests.ts";

/** Returns ADD for a VF of a container whose namespace is gone, with pkey children in it and in another namespace. */
export function childrenScenarios(): Scenario[] {
  const wanted = requests().filter(({ name }) => ["no settings", "everything"].includes(name));
  return wanted.flatMap(({ name, request, setting }) =>
    [same, contrary].map((next): Scenario => {
      const otherRequest = next(request);
      return {
        name: `ADD (${next.name}) after another's namespace with pkey children is gone (${name})`,
        setting,
        pod: c2,
        request: otherRequest,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          const { machine } = simulated;
          const pod = machine.paths.get(c1.netns);
          const netdev = pod?.named(c1.ifname)?.[1];
          if (netdev === undefined) throw new Error("the pod has no interface");
          pod?.add(pkeyChild(netdev), "net1.8001");
          machine.paths.get(c3.netns)?.add(pkeyChild(netdev), "net1.8002");
          simulated.deleteNamespace(c1);
        },
        act: (simulated, fault) => simulated.add(c2, otherRequest, fault),
        followUps: [thenDelOfBoth(c1, request, "this one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}
