// A running container whose VF was destroyed and created again: its record and its lease stay until its own DEL.
import { everything } from "../harness/common-requests.ts";
import { c1, c2, freshVf, pf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { isAttached, recordOf } from "../harness/records.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";

const request = { ...everything, vf: freshVf };

/** Attaches the VF to c1, and creates it again. */
function loseVf(simulated: SimulatedNode): void {
  simulated.allowDifference("derived GUID");
  simulated.mustAdd(c1, request);
  simulated.changeNode(({ bus }) => bus.recreateVfs(pf));
}

function requireKept(simulated: SimulatedNode, when: string): void {
  const { machine, problems } = simulated;
  if (!isAttached(machine, recordOf(machine, c1))) problems.push(`${when} the record is lost`);
  if (!simulated.lines().some((line) => line.includes(`of ${c1.containerId} `)))
    problems.push(`${when} the lease is lost`);
}

/** Its DEL, with other calls before it, releases its lease, and changes nothing else. */
function thenItsDel(name: string, before: (simulated: SimulatedNode) => void): FollowUp {
  return {
    name,
    run(simulated) {
      requireKept(simulated, "at first");
      before(simulated);
      requireKept(simulated, "before its DEL");
      simulated.mustDel(c1, request);
      simulated.releaseLeaseAt();
      simulated.requireAsBefore("after its DEL");
    },
  };
}

/** A VF that was created again has no GUID; no container gets it without one. */
const next = { ...request, linkState: "disable" } as const;

const scenarios: Scenario[] = [
  {
    name: "provision of a VF that was created again under a running container",
    request,
    arrange: loseVf,
    verb: (simulated, fault) => simulated.provision(freshVf, fault),
    followUps: [
      thenItsDel("then provision again, and its DEL", (simulated) => {
        if (simulated.provision(freshVf).end !== "done") simulated.problems.push("every provision fails");
      }),
    ],
  },
  {
    name: "bind of a VF that was created again under a running container, and has lost its driver",
    request,
    arrange: (simulated) => {
      loseVf(simulated);
      simulated.allowDifference("attributes");
      simulated.machine.bus.unbind(freshVf, "mlx5_core");
    },
    verb: (simulated, fault) => simulated.bind(freshVf, fault),
    followUps: [
      thenItsDel("then bind again, and its DEL", (simulated) => {
        if (simulated.bind(freshVf).end !== "done") simulated.problems.push("every bind fails");
      }),
    ],
  },
  {
    name: "another's ADD of a VF that was created again under a running container",
    pod: c2,
    request: next,
    arrange: loseVf,
    verb: "ADD",
    followUps: [thenItsDel("then the other's DEL, and its own", (simulated) => simulated.mustDel(c2, next))],
  },
];

testScenarios("destroyed VFs", scenarios);
