// DEL without a record, or with a damaged one: it does what it can with the call alone.
import { everything, requests } from "../harness/common-requests.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import { interfaceOf } from "../harness/prepare.ts";
import { lostRecordScenarios, recordLosses, thenReleased } from "../harness/scenarios.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pkeyChild } from "../model/netdev.ts";

/** Returns DEL for all requests, for an ADD that was killed while the VF had no driver. */
function unrecordedScenarios(): Scenario[] {
  return [
    ...lostRecordScenarios(requests()),
    ...Object.entries(recordLosses).map(
      ([how, loseRecord]): Scenario => ({
        name: `DEL of a container that has made pkey children, the record being ${how}`,
        request: plain,
        arrange: (simulated) => {
          simulated.mustAdd(c1, plain);
          makeChildren(simulated);
          loseRecord(simulated);
        },
        verb: "DEL",
        followUps: [thenReleased],
      }),
    ),
    ...Object.entries(recordLosses).map(
      ([how, loseRecord]): Scenario => ({
        name: `DEL after an ADD that was killed without a driver, the record being ${how}`,
        arrange: (simulated) => {
          simulated.killAdd(c1, everything, { call: "functions.unbind" });
          loseRecord(simulated);
        },
        verb: "DEL",
        followUps: [thenReleased],
      }),
    ),
  ];
}

const plain = { vf };

/** The container creates a pkey child of its interface, and another one in a namespace that no runtime knows. */
function makeChildren({ machine }: SimulatedNode): void {
  const { netns, netdev } = interfaceOf(machine, c1);
  netns.add(pkeyChild(netdev), "net1.8001");
  machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
}

testScenarios("lost records", unrecordedScenarios());
