// Hostile output of an IPAM plugin, and hostile records, in the model of a node: in all cases the node is restored,
// and no other container is changed (SimulatedNode checks that).
import { expect } from "vitest";
import { everything } from "../simulator/harness/common-requests.ts";
import { c1 } from "../simulator/harness/default-node.ts";
import { pathOf } from "../simulator/harness/records.ts";
import { SimulatedNode } from "../simulator/harness/simulated-node.ts";
import { fuzz } from "./fuzz.ts";
import { mutateText } from "./mutate.ts";
import { goCacheText, ipamResults } from "./seeds.ts";

const path = "/opt/cni/bin/host-local";

fuzz("IPAM plugins in the simulator", { cases: 1_500, share: 0.15 }, (random) => {
  const simulated = SimulatedNode.ofSweep({});
  const output = mutateText(random.pick(ipamResults), random, ipamResults);
  const status = random.pick([0, 0, 0, 1, 255]);
  simulated.machine.programs.set(path, (child) => child.after(5, () => child.exit(status, output)));
  const ran = simulated.add(c1, everything);
  simulated.machine.programs.set(path, simulated.machine.leases.program);
  const problems = simulated.problems.splice(0).filter((problem) => !isAboutLeases(problem));
  expect(problems).toEqual([]);
  if (ran.end === "failed") simulated.requireAsBefore("after a failed ADD");
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
  expect(simulated.problems).toEqual([]);
});

/** Addresses that the IPAM plugin does not have, or not any more. */
function isAboutLeases(problem: string): boolean {
  return /is free, and in|^(leases|addresses|routes|tentative addresses|addresses in the result) of c1/.test(
    problem,
  );
}

fuzz("records in the simulator", { cases: 1_500, share: 0.15 }, (random) => {
  const simulated = SimulatedNode.ofSweep({});
  const { texts } = simulated.machine.files;
  simulated.mustAdd(c1, everything);
  const file = random.pick([pathOf(c1), pathOf(c1), "/var/lib/cni/ib-sriov/.vf/0000:01:10.0"]);
  const before = texts.get(file) ?? "";
  texts.set(file, mutateText(random.pick([before, before, goCacheText]), random, [before, goCacheText]));
  const ran = simulated.del(c1, everything);
  // A record of another boot, or of another VF: only its lease remains.
  expect(simulated.problems.splice(0).filter((problem) => !isAboutLeases(problem))).toEqual([]);
  // After the record is corrected, everything else can be undone.
  texts.set(file, before);
  if (ran.end === "failed") simulated.mustDel(c1, everything);
  expect(simulated.problems.filter((problem) => !isAboutLeases(problem))).toEqual([]);
});
