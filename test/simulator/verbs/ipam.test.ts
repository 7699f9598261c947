// IPAM plugins that fail, and leases that are released later than their attachment.
import { expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import type { Fault } from "../harness/gate.ts";
import { type Pod, pluginPath } from "../harness/requests.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import type { Child, Program } from "../model/process.ts";
import { Refusal } from "../model/refusal.ts";

const path = `${pluginPath}/host-local`;

/** The ways in which a plugin fails: its answer to ADD. */
const failingAnswers: Readonly<Record<string, (child: Child) => void>> = {
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
const testedWithAllFaults = ["refuses with an error object", "prints a route with host bits", "never ends"];

/** Returns ADD with each of them: it fails, and restores everything. */
function badIpamScenarios(): Scenario[] {
  return Object.entries(failingAnswers).map(([what, answer]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    // The rollback takes time, too, when the time of ADD is over.
    setting: { lateNetdev: 60 },
    arrange: (simulated) => install(simulated, (child) => answerLate(child, answer)),
    verb: "ADD",
    ends: "failed",
    rollsBack: true,
    ...(testedWithAllFaults.includes(what) ? {} : { cases: "nothing" }),
    followUps: [
      {
        name: "then its DEL, and another's ADD with a plugin that works",
        run(simulated, pod, request, ran) {
          if (ran.end === "done") simulated.problems.push("ADD is done");
          endHanging(simulated);
          simulated.mustDel(pod, request);
          simulated.requireAsBefore("after DEL");
          restore(simulated);
          thenAnother(c2, (same) => same).run(simulated, pod, request, ran);
        },
      },
    ],
  }));
}

/** Returns ADD with a plugin that is missing, or that fails for each verb: without a lease, nothing is left to release. */
function brokenIpamScenarios(): Scenario[] {
  const breakPlugin: Record<string, (simulated: SimulatedNode) => void> = {
    "is missing": ({ machine }) => void machine.programs.delete(path),
    "fails for each verb": (simulated) => install(simulated, (child) => child.exit(1, "", "no store")),
  };
  return Object.entries(breakPlugin).map(([what, arrange]) => ({
    name: `ADD with an IPAM plugin that ${what}`,
    arrange,
    verb: (simulated, fault) => {
      const ran = simulated.add(c1, everything, fault);
      endHanging(simulated);
      restore(simulated);
      return ran;
    },
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel, thenAnother(c2, (request) => request)],
  }));
}

/** Returns DEL while the plugin fails, or hangs: it fails, and the next DEL succeeds. */
function badReleaseScenarios(): Scenario[] {
  const failing: Record<string, (child: Child) => void> = {
    fails: (child) => child.exit(1, JSON.stringify({ code: 100, msg: "the store is locked" })),
    hangs: () => {},
  };
  return Object.entries(failing).map(([what, answer]) => ({
    name: `DEL while the IPAM plugin ${what}`,
    arrange: (simulated) => {
      simulated.mustAdd(c1, everything);
      install(simulated, answer);
    },
    verb: (simulated, fault) => {
      const ran = simulated.del(c1, everything, fault);
      endHanging(simulated);
      restore(simulated);
      return ran;
    },
    ends: "failed",
    followUps: [thenDel, thenAnother(c2, (request) => request)],
  }));
}

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

testScenarios("failing IPAM plugins", [
  ...badIpamScenarios(),
  ...brokenIpamScenarios(),
  ...badReleaseScenarios(),
]);

/** Runs DEL of an attachment that never existed, with another IPAM plugin. */
function delWith(program: Program) {
  const simulated = new SimulatedNode({});
  simulated.machine.programs.set(path, program);
  return simulated.del(c1, everything);
}

test.each([
  [
    "an error object",
    JSON.stringify({ code: 999, msg: "no IP ranges specified" }),
    /IPAM plugin "host-local": no IP ranges specified/,
  ],
  ["nothing", "", /IPAM plugin "host-local": .*no error message/],
])("a warning reports a plugin that answers with %s", (_, answer, pattern) => {
  expect(delWith((child) => child.exit(1, answer))).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(pattern)],
  });
});

test("DEL fails if the plugin was killed, or hangs: the next DEL may succeed", () => {
  expect(delWith((child) => child.kill(9))).toMatchObject({ end: "failed" });
  expect(delWith(() => {})).toMatchObject({ end: "failed", error: { code: codes.tryAgain } });
});

test("the next ADD releases the leases of all orphaned attachments", () => {
  const simulated = new SimulatedNode({});
  simulated.killAdd(c1, everything, { call: "processes.start" });
  // Each ADD takes the VF over from the one before, and is killed before it has released that lease.
  simulated.killAdd(c2, everything, { call: "processes.start" });
  expect(simulated.unreleasedLeases()).toHaveLength(1);
  simulated.mustAdd(c3, everything);
  expect(simulated.unreleasedLeases()).toEqual([]);
  expect([...simulated.machine.leases.leases.values()].filter((holder) => /^c[12] /.test(holder))).toEqual(
    [],
  );
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("a signal while ADD releases the lease of an orphaned attachment ends the ADD", () => {
  const simulated = new SimulatedNode({});
  simulated.killAdd(c1, everything, { call: "processes.start" });
  let waits = 0;
  const signal: Fault = ({ call }, process) => {
    // The first wait is for the ADD's own lease.
    if (call === "child.wait" && ++waits === 2) process.signal = "SIGTERM";
    return undefined;
  };
  expect(simulated.add(c2, everything, signal)).toMatchObject({
    end: "failed",
    error: { code: codes.tryAgain, message: expect.stringContaining("SIGTERM") },
  });
  simulated.mustAdd(c3, everything);
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after the next DEL");
});

test("names of maximum length fit into the lock file, also while ADD restores an orphan", () => {
  const simulated = new SimulatedNode({});
  const named = (pod: Pod, letter: string) => ({
    ...pod,
    containerId: letter.repeat(239),
    ifname: "net1-0123456789",
  });
  simulated.killAdd(named(c1, "a"), everything, { call: "processes.start" });
  simulated.mustAdd(named(c2, "b"), everything);
  expect(simulated.gc([named(c2, "b")], undefined, "n".repeat(900)).end).toBe("done");
  simulated.mustDel(named(c2, "b"), everything);
  simulated.requireAsBefore("after DEL");
});

test("the last attachment's DEL releases the leases of all orphaned attachments", () => {
  const simulated = new SimulatedNode({});
  for (const pod of [c1, c2, c3]) simulated.killAdd(pod, everything, { call: "processes.start" });
  expect(simulated.unreleasedLeases()).toHaveLength(2);
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("leases that cannot be released at once stay for a later call", () => {
  const simulated = new SimulatedNode({});
  for (const pod of [c1, c2]) simulated.killAdd(pod, everything, { call: "processes.start" });
  let started = 0;
  const onlyAdd: Fault = ({ call }) =>
    call === "processes.start" && ++started > 1 ? { end: new Refusal("EAGAIN", call) } : undefined;
  expect(simulated.add(c3, everything, onlyAdd).end).toBe("done");
  expect(simulated.unreleasedLeases()).toHaveLength(2);
  simulated.mustDel(c3, everything);
  simulated.requireAsBefore("after DEL");
});

test("a lease that its container has again is not released", () => {
  const simulated = new SimulatedNode({});
  simulated.killAdd(c1, everything, { call: "processes.start" });
  // Takes the VF over, and is killed before it has released c1's lease.
  simulated.killAdd(c2, everything, { call: "files.rename" });
  expect(simulated.unreleasedLeases()).toHaveLength(1);

  // The same container again, on another VF. The first ADD fails because a lease of the same name exists; its rollback
  // releases that.
  const again = { ...everything, vf: freshVf, guid: guid("02:00:00:00:00:00:00:79") };
  expect(simulated.add(c1, again).end).toBe("failed");
  expect(simulated.mustAdd(c1, again).end).toBe("done");
  simulated.releaseLeaseAt();
  expect(simulated.unreleasedLeases()).toEqual([]);
  expect([...simulated.machine.leases.leases.values()]).toContain("c1 net1");

  simulated.mustDel(c1, again);
  simulated.mustDel(c2, everything);
  simulated.requireAsBefore("after both DELs");
});

test("two leases of one container in two networks are both released", () => {
  const simulated = new SimulatedNode({});
  for (const request of [everything, { ...everything, network: "othernet" }]) {
    simulated.killAdd(c1, request, { call: "links.move" });
    simulated.killAdd(c2, everything, { call: "files.rename" });
  }
  expect(simulated.unreleasedLeases()).toHaveLength(3);
  simulated.mustDel(c2, everything);
  simulated.requireAsBefore("after DEL");
  expect(simulated.machine.bus.driverOf(vf)).toBeDefined();
});
