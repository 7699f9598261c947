// An IPAM plugin that does not do what it should.

import { c1, c2 } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Child, Program } from "../model/child.ts";
import { everything } from "./requests.ts";

/** What is wrong with a plugin: how it answers ADD, once host-local has answered it. */
const faults: Readonly<Record<string, (child: Child) => void>> = {
  "refuses with an error object": (child) =>
    child.exit(1, JSON.stringify({ code: 11, msg: "no address is free" })),
  "fails without a word": (child) => child.exit(7, ""),
  "fails with words on stderr": (child) => child.exit(1, "", "panic: nil"),
  "prints nothing": (child) => child.exit(0, ""),
  "prints garbage": (child) => child.exit(0, '{"ips":[{"address":"10.1.0.2'),
  "prints no addresses": (child) => child.exit(0, JSON.stringify({ cniVersion: "1.1.0" })),
  "prints a route with host bits": (child) =>
    child.exit(0, JSON.stringify({ ips: [{ address: "10.1.0.9/24" }], routes: [{ dst: "10.2.0.1/16" }] })),
  "is killed": (child) => child.kill(15),
  "never ends": () => {},
};

/** Those that are looked into: they fail early, late, and not at all. */
const thorough = ["refuses with an error object", "prints a route with host bits", "never ends"];

/** ADD with each of them: it fails, and puts everything back. */
export function badIpamScenarios(): Scenario[] {
  return Object.entries(faults).map(([what, answer]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    // Putting back takes its time, too, when the time of ADD is over.
    setting: { lateNetdev: 60 },
    pod: c1,
    wish: everything,
    arrange: (story) => install(story, (child) => answerLate(child, answer)),
    act: (story, fault) => story.add(c1, everything, fault),
    ends: "failed",
    rollsBack: true,
    ...(thorough.includes(what) ? {} : { cases: "nothing" }),
    followUps: [
      {
        name: "then its DEL, and another's ADD once the plugin is in order",
        goOn(story, pod, wish, ran) {
          if (ran.end === "done") story.problems.push("ADD is done");
          endHanging(story);
          story.mustDel(pod, wish);
          story.requireAsBefore("after DEL");
          restore(story);
          thenAnother(c2, (same) => same, false).goOn(story, pod, wish, ran);
        },
      },
    ],
  }));
}

/** ADD with a plugin that is not there, or that fails whatever it is asked: what was never leased owes nothing. */
export function hopelessIpamScenarios(): Scenario[] {
  const spoil: Record<string, (story: SimulatedNode) => void> = {
    "is missing": ({ machine }) => void machine.programs.delete(path),
    "fails, whatever it is asked": (story) => install(story, (child) => child.exit(1, "", "no store")),
  };
  return Object.entries(spoil).map(([what, arrange]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    setting: {},
    pod: c1,
    wish: everything,
    arrange,
    act: (story, fault) => {
      const ran = story.add(c1, everything, fault);
      endHanging(story);
      restore(story);
      return ran;
    },
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel, thenAnother(c2, (wish) => wish, false)],
  }));
}

/** DEL while the plugin fails, or hangs: it fails, and the next one succeeds. */
export function badReleaseScenarios(): Scenario[] {
  const failing: Record<string, (child: Child) => void> = {
    fails: (child) => child.exit(1, JSON.stringify({ code: 100, msg: "the store is locked" })),
    hangs: () => {},
  };
  return Object.entries(failing).map(([what, answer]) => ({
    name: `DEL while the IPAM plugin ${what}`,
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      story.mustAdd(c1, everything);
      install(story, answer);
    },
    act: (story, fault) => {
      const ran = story.del(c1, everything, fault);
      endHanging(story);
      restore(story);
      return ran;
    },
    ends: "failed",
    followUps: [thenDel, thenAnother(c2, (wish) => wish, false)],
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

/**
 * A plugin that outlives a killed ADD keeps the VF's lock, and every DEL waits for it: somebody has to end one
 * that hangs.
 */
function endHanging({ machine }: SimulatedNode): void {
  machine.time.pass(1_000);
  for (const child of machine.children) child.kill();
}

/** DEL as ever; ADD answers after some time. */
function answerLate(child: Child, answer: (child: Child) => void): void {
  if (child.environment.get("CNI_COMMAND") === "ADD") child.after(20, () => answer(child));
  else child.exit(0, "");
}
