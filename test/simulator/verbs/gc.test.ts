// GC, with each fault at each of its calls; and the attachments that it must keep.
import { afterAll, describe, expect, test } from "vitest";
import { CniError } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { contrary, everything, requestedGuid, requests, same } from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import {
  type FollowUp,
  thenAnother,
  thenAnotherAndLateDel,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { gc, ipamVerbs, messageChain, type Run } from "../harness/run.ts";
import { killPoints, leaveOrphaned } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report, type Scenario, testScenarios } from "../harness/sweep.ts";

/** The runtime calls GC again, and never calls DEL. */
const thenGc: FollowUp = {
  name: "then GC",
  run(simulated) {
    simulated.waitForGracePeriod();
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  },
};

/** Returns GC of containers that the runtime no longer lists, and for which it never called DEL. */
function gcScenarios(): Scenario[] {
  return [
    ...orphanedScenarios(),
    ...unlistedScenarios(),
    ...killedScenarios(),
    unreleasedLeaseScenario(),
    severalScenario(),
  ];
}

/** Returns GC of containers whose namespaces are gone. */
function orphanedScenarios(): Scenario[] {
  return requests().map(({ name, request, setting }) => ({
    name: `GC of a container whose namespace is gone (${name})`,
    setting,
    request,
    arrange: leaveOrphaned(request),
    verb: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenAnotherAndLateDel(c2, contrary)],
  }));
}

/** Returns GC of containers whose namespaces exist, but contain no process. */
function unlistedScenarios(): Scenario[] {
  const selected = requests().filter(({ name }) => ["no settings", "everything"].includes(name));
  return selected.map(({ name, request, setting }) => ({
    name: `GC of a container that the runtime does not list (${name})`,
    setting,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      simulated.waitForGracePeriod();
    },
    verb: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenDelWithoutNamespace],
  }));
}

/** Returns GC of containers whose ADD was killed. */
function killedScenarios(): Scenario[] {
  return killPoints.map((point) => ({
    name: `GC after an ADD that was killed after ${point.call}`,
    arrange: (simulated) => simulated.killAdd(c1, everything, point),
    verb: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc],
  }));
}

/** Returns GC after a killed ADD of an orphan's VF: the lease of the orphaned attachment is unreleased. */
function unreleasedLeaseScenario(): Scenario {
  return {
    name: "GC of a container and of an unreleased lease of another container",
    pod: c2,
    arrange: (simulated) => {
      simulated.killAdd(c1, everything, { call: "links.move" });
      simulated.killAdd(c2, everything, { call: "files.rename" });
      if (simulated.unreleasedLeases().length !== 1)
        simulated.problems.push("there is not one unreleased lease");
    },
    verb: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenAnother(c3, same)],
  };
}

/** Returns GC of two stale attachments of one network. */
function severalScenario(): Scenario {
  const second = { vf: freshVf, guid: requestedGuid, subnets: ["10.3.0.0/24"] };
  const arrange = (simulated: SimulatedNode) => {
    simulated.mustAdd(c1, { vf, subnets: ["10.1.0.0/24"] });
    simulated.mustAdd(c2, second);
    simulated.deleteNamespace(c1);
    simulated.deleteNamespace(c2);
  };
  return {
    name: "GC of two containers whose namespaces are gone",
    arrange,
    verb: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc],
  };
}

testScenarios("GC", gcScenarios());

let total = 0;
afterAll(() => report("attachments that GC keeps", total));

/** Attaches a VF, and requires that GC changes nothing. */
function requireLeft(arrange: (simulated: SimulatedNode) => void, runGc: (simulated: SimulatedNode) => Run) {
  total++;
  const simulated = new SimulatedNode({});
  const added = simulated.mustAdd(c1, everything);
  arrange(simulated);
  const before = simulated.lines();
  const ran = runGc(simulated);
  expect(ran).toMatchObject({ end: "done", violations: [] });
  simulated.requireUnchanged(before, "after GC");
  if (simulated.machine.paths.has(c1.netns)) simulated.requireAttached(c1, everything, added);
  return { simulated, warnings: ran.warnings };
}

describe("GC keeps", () => {
  test("an attachment that is in the list, even if its namespace is gone", () => {
    requireLeft(
      (simulated) => simulated.deleteNamespace(c1),
      (simulated) => simulated.gc([c1]),
    );
  });

  test("an attachment of another network", () => {
    requireLeft(
      (simulated) => simulated.deleteNamespace(c1),
      (simulated) => simulated.gc([], undefined, "othernet"),
    );
  });

  test("everything if the runtime sends no list, warns, and does not call the IPAM plugin's GC", () => {
    const { simulated, warnings } = requireLeft(
      (simulated) => simulated.deleteNamespace(c1),
      ({ machine }) => gc(machine, "mynet", undefined),
    );
    expect(warnings).toEqual([expect.stringMatching(/mynet has no list .*nothing is removed/)]);
    expect(ipamVerbs(simulated.machine)).not.toContain("GC");
  });

  test("a container with a running process, although it is not in the list, and warns", () => {
    const { warnings } = requireLeft(
      ({ machine }) => {
        const pod = machine.paths.get(c1.netns);
        if (pod !== undefined) machine.startOther("trainer", { namespaces: [machine.host, pod] });
      },
      (simulated) => {
        simulated.waitForGracePeriod();
        return simulated.gc([]);
      },
    );
    expect(warnings).toEqual([
      expect.stringMatching(
        /c1 \(net1\) is not in the list.*process \d+ \(trainer\) runs in its namespace .*\/a/,
      ),
    ]);
  });

  test("a container that is younger than ten minutes, whatever the list contains, and warns", () => {
    const { simulated, warnings } = requireLeft(
      ({ machine }) => machine.time.pass(9 * 60_000),
      (each) => each.gc([]),
    );
    expect(warnings).toEqual([
      expect.stringMatching(
        /c1 \(net1\) is not in the list.*keeps VF .*: it is younger than ten minutes, .* namespace \S+\/a exists/,
      ),
    ]);
    simulated.machine.time.pass(60_000);
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  });

  test("a container whose namespace cannot be seen from here, and warns", () => {
    const { simulated, warnings } = requireLeft(
      ({ machine }) => void machine.paths.delete(c1.netns),
      (simulated) => simulated.gc([]),
    );
    expect(warnings).toEqual([
      expect.stringMatching(/c1 .*cannot be found, but its netdev is in another network namespace/),
    ]);
    expect(simulated.machine.bus.driverOf(vf)).toBeDefined();
  });

  test("an unreleased lease of a container that is in the list", () => {
    total++;
    const simulated = new SimulatedNode({});
    simulated.killAdd(c1, everything, { call: "links.move" });
    simulated.killAdd(c2, everything, { call: "files.rename" });
    simulated.mustGc([c1]);
    expect(simulated.unreleasedLeases()).toHaveLength(1);
    expect([...simulated.machine.leases.leases.values()]).toContain("c1 net1");
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  });

  test("a file that is not a record, and warns", () => {
    const path = "/var/lib/cni/ib-sriov/strange";
    const { warnings } = requireLeft(
      ({ machine }) => machine.files.write(path, "{}"),
      (simulated) => simulated.gc([c1]),
    );
    expect(warnings).toEqual([expect.stringContaining(path)]);
  });
});

describe("GC", () => {
  test("calls the IPAM plugin's GC, too", () => {
    total++;
    const simulated = new SimulatedNode({});
    simulated.mustGc([]);
    expect(ipamVerbs(simulated.machine)).toEqual(["GC"]);
  });

  test("ignores the error of an IPAM plugin that is older than GC, but no other error", () => {
    total += 2;
    const of = (supportedVersions: readonly string[]) => {
      const simulated = new SimulatedNode({});
      simulated.machine.programs.set("/opt/cni/bin/host-local", (child) => {
        if (child.environment.get("CNI_COMMAND") === "VERSION")
          child.exit(0, JSON.stringify({ supportedVersions }));
        else child.exit(1, JSON.stringify({ code: 3, msg: "missing containerID" }));
      });
      return simulated.gc([]);
    };
    expect(of(["0.4.0", "1.0.0"])).toMatchObject({
      end: "done",
      warnings: [expect.stringContaining("older than GC")],
    });
    expect(of(["1.0.0", "1.1.0"])).toMatchObject({
      end: "failed",
      error: expect.objectContaining({ message: expect.stringContaining("missing containerID") }),
    });
  });

  test("continues after a failure, and reports all of them", () => {
    total++;
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.mustAdd(c2, { vf: freshVf, guid: guid("02:00:00:00:00:00:00:79"), subnets: ["10.3.0.0/24"] });
    const real = simulated.machine.leases.program;
    simulated.machine.programs.set("/opt/cni/bin/host-local", (child) =>
      child.exit(
        1,
        JSON.stringify({
          code: 110,
          msg: `${child.environment.get("CNI_COMMAND")} fails for ${child.environment.get("CNI_CONTAINERID")}`,
        }),
      ),
    );
    simulated.waitForGracePeriod();
    const { end, error } = simulated.gc([]);
    expect(end).toBe("failed");
    expect(error).toBeInstanceOf(CniError);
    for (const text of ["network mynet", "DEL fails for c1", "DEL fails for c2", "GC fails for"])
      expect(messageChain(error)).toContain(text);
    // Everything else is restored.
    expect(simulated.machine.host.ofFunction(vf)).toHaveLength(1);
    expect(simulated.machine.host.ofFunction(freshVf)).toHaveLength(1);
    simulated.machine.programs.set("/opt/cni/bin/host-local", real);
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  });
});
