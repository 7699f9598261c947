// IPAM plugins that fail.

import { c1, c2 } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Child, Program } from "../model/child.ts";
import { everything } from "./requests.ts";

/** The ways in which a plugin fails: its answer to ADD. */
const faults: Readonly<Record<string, (child: Child) => void>> = {
  "refuses with an error object": (child) =>
    child.exit(1, JSON.stringify({ code: 11, msg: "no address is free" })),
  "fails without output": (child) => child.exit(7, ""),
  "fails with a text on stderr": (child) => child.exit(1, "", "panic: nil"),
  "prints nothing": (child) => child.exit(0, ""),
  "prints garbage": (child) => child.exit(0, '{"ips":[{"address":"10.1.0.2'),
  "prints no addresses": (child) => child.exit(0, JSON.stringify({ cniVersion: "1.1.0" })),
  "prints a route with host bits": (child) =>
    child.exit(0, JSON.stringify({ ips: [{ address: "10.1.0.9/24" }], routes: [{ dst: "10.2.0.1/16" }] })),
  "is killed": (child) => child.kill(15),
  "never ends": () => {},
};

/** The ways that are tested with all faults: the plugin fails early, late, and not at all. */
const thorough = ["refuses with an error object", "prints a route with host bits", "never ends"];

/** Returns ADD with each of them: it fails, and restores everything. */
export function badIpamScenarios(): Scenario[] {
  return Object.entries(faults).map(([what, answer]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    // The rollback takes time, too, when the time of ADD is over.
    setting: { lateNetdev: 60 },
    pod: c1,
    request: everything,
    arrange: (simulated) => install(simulated, (child) => answerLate(child, answer)),
    act: (simulated, fault) => simulated.add(c1, everything, fault),
    ends: "failed",
    rollsBack: true,
    ...(thorough.includes(what) ? {} : { cases: "nothing" }),
    followUps: [
      {
        name: "then its DEL, and another's ADD with a plugin that works",
        run(simulated, pod, request, ran) {
          if (ran.end === "done") simulated.problems.push("ADD is done");
          endHanging(simulated);
          simulated.mustDel(pod, request);
          simulated.requireAsBefore("after DEL");
          restore(simulated);
          thenAnother(c2, (same) => same, false).run(simulated, pod, request, ran);
        },
      },
    ],
  }));
}

/** Returns ADD with a plugin that is missing, or that fails for each verb: without a lease, no release is pending. */
export function brokenIpamScenarios(): Scenario[] {
  const spoil: Record<string, (simulated: SimulatedNode) => void> = {
    "is missing": ({ machine }) => void machine.programs.delete(path),
    "fails for each verb": (simulated) => install(simulated, (child) => child.exit(1, "", "no store")),
  };
  return Object.entries(spoil).map(([what, arrange]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    setting: {},
    pod: c1,
    request: everything,
    arrange,
    act: (simulated, fault) => {
      const ran = simulated.add(c1, everything, fault);
      endHanging(simulated);
      restore(simulated);
      return ran;
    },
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel, thenAnother(c2, (request) => request, false)],
  }));
}

/** Returns DEL while the plugin fails, or hangs: it fails, and the next DEL succeeds. */
export function badReleaseScenarios(): Scenario[] {
  const failing: Record<string, (child: Child) => void> = {
    fails: (child) => child.exit(1, JSON.stringify({ code: 100, msg: "the store is locked" })),
    hangs: () => {},
  };
  return Object.entries(failing).map(([what, answer]) => ({
    name: `DEL while the IPAM plugin ${what}`,
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      simulated.mustAdd(c1, everything);
      install(simulated, answer);
    },
    act: (simulated, fault) => {
      const ran = simulated.del(c1, everything, fault);
      endHanging(simulated);
      restore(simulated);
      return ran;
    },
    ends: "failed",
    followUps: [thenDel, thenAnother(c2, (request) => request, false)],
  }));
}

const path = "/opt/cni/bin/host-local";

/** Replaces host-local for ADD. */
function install({ machine }: SimulatedNode, program: Program): void {
  machine.programs.set(path, program);
}

function restore({ machine }: SimulatedNode): void {
  machine.programs.set(path, machine.leases.program);
}

/** Ends plugins that hang: a plugin that outlives a killed ADD keeps the VF's lock, and every DEL waits for it. */
function endHanging({ machine }: SimulatedNode): void {
  machine.time.pass(1_000);
  for (const child of machine.children) child.kill();
}

/** Answers DEL at once, and ADD after some time. */
function answerLate(child: Child, answer: (child: Child) => void): void {
  if (child.environment.get("CNI_COMMAND") === "ADD") child.after(20, () => answer(child));
  else child.exit(0, "");
}
