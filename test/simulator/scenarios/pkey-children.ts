import { c1, c2, c3 } from "../harness/default-node.ts";
import { thenAnother, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { pkeyChild } from "../model/netdev.ts";
import { contrary, requests, same } from "./requests.ts";

/** ADD of a container for a VF of another one, whose namespace is gone with pkey children in it, and beside it. */
export function childrenScenarios(): Scenario[] {
  const wanted = requests().filter(({ name }) => ["nothing in particular", "everything"].includes(name));
  return wanted.flatMap(({ name, wish, setting }) =>
    [same, contrary].map((next): Scenario => {
      const theirs = next(wish);
      return {
        name: `ADD (${next.name}) after another's namespace with pkey children is gone (${name})`,
        setting,
        pod: c2,
        wish: theirs,
        arrange: (story) => {
          story.mustAdd(c1, wish);
          const { machine } = story;
          const pod = machine.paths.get(c1.netns);
          const netdev = pod?.named(c1.ifname)?.[1];
          if (netdev === undefined) throw new Error("the pod has no interface");
          pod?.add(pkeyChild(netdev), "net1.8001");
          machine.paths.get(c3.netns)?.add(pkeyChild(netdev), "net1.8002");
          story.deleteNamespace(c1);
        },
        act: (story, fault) => story.add(c2, theirs, fault),
        followUps: [thenDelOfBoth(c1, wish, "this one first"), thenAnother(c3, same, false)],
      };
    }),
  );
}
