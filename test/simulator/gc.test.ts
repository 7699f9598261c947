// GC, with everything that can befall it at any of its calls; and what it must leave alone.
import { afterAll, describe, expect, test } from "vitest";
import { CniError } from "../../src/cni/errors.ts";
import { guid } from "../support/records.ts";
import { c1, c2, freshVf, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { gc, messageChain } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report, testScenarios } from "./harness/test-scenarios.ts";
import { gcScenarios } from "./scenarios/gc.ts";
import { everything } from "./scenarios/requests.ts";

testScenarios("GC", gcScenarios());

let total = 0;
afterAll(() => report("what GC leaves alone", total));

/** A container that has its VF, and GC, which must change nothing. */
function requireLeft(
  arrange: (story: SimulatedNode) => void,
  collected: (story: SimulatedNode) => ReturnType<typeof gc>,
) {
  total++;
  const story = new SimulatedNode({});
  const ran = story.mustAdd(c1, everything);
  arrange(story);
  const before = story.lines();
  const found = collected(story);
  expect(found).toMatchObject({ end: "done", violations: [] });
  story.requireUnchanged(before, "after GC");
  if (story.machine.paths.has(c1.netns)) story.requireAttached(c1, everything, ran);
  return { story, warnings: found.warnings };
}

describe("GC leaves", () => {
  test("what is in the list, also where its namespace is gone", () => {
    requireLeft(
      (story) => story.deleteNamespace(c1),
      (story) => story.gc([c1]),
    );
  });

  test("what is of another network", () => {
    requireLeft(
      (story) => story.deleteNamespace(c1),
      (story) => story.gc([], undefined, "othernet"),
    );
  });

  test("everything where there is no list, says so, and asks no IPAM plugin to clean up", () => {
    const { story, warnings } = requireLeft(
      (story) => story.deleteNamespace(c1),
      ({ machine }) => gc(machine, "mynet", undefined),
    );
    expect(warnings).toEqual([expect.stringMatching(/mynet has no list .*nothing is removed/)]);
    expect(commands(story)).not.toContain("GC");
  });

  test("a container in which something runs, although it is not in the list, and says so", () => {
    const { warnings } = requireLeft(
      ({ machine }) => {
        const pod = machine.paths.get(c1.netns);
        if (pod !== undefined) pod.inhabited = true;
      },
      (story) => {
        story.waitForGracePeriod();
        return story.gc([]);
      },
    );
    expect(warnings).toEqual([
      expect.stringMatching(/c1 \(net1\) is not in the list.*processes run in .*\/a/),
    ]);
  });

  test("a container that is younger than ten minutes, whatever the list is, and says so", () => {
    const { story, warnings } = requireLeft(
      ({ machine }) => machine.time.pass(9 * 60_000),
      (each) => each.gc([]),
    );
    expect(warnings).toEqual([
      expect.stringMatching(
        /c1 \(net1\) is not in the list.*keeps VF .*: it is younger than ten minutes, .* namespace \S+\/a exists/,
      ),
    ]);
    story.machine.time.pass(60_000);
    story.mustGc([]);
    story.requireAsBefore("after GC");
  });

  test("a container whose namespace cannot be seen from here, and says so", () => {
    const { story, warnings } = requireLeft(
      ({ machine }) => void machine.paths.delete(c1.netns),
      (story) => story.gc([]),
    );
    expect(warnings).toEqual([
      expect.stringMatching(/c1 .*cannot be found, and yet .*no netdev on the host/),
    ]);
    expect(story.machine.bus.driverOf(vf)).toBeDefined();
  });

  test("a lease that is owed and whose container is in the list", () => {
    total++;
    const story = new SimulatedNode({});
    story.add(c1, everything, killedAfter("links.move"));
    story.add(c2, everything, killedAfter("files.rename"));
    story.mustGc([c1]);
    expect(story.owed()).toHaveLength(1);
    expect([...story.machine.leases.leases.values()]).toContain("c1 net1");
    story.mustGc([]);
    story.requireAsBefore("after GC");
  });

  test("a file that is no record, and says so", () => {
    const path = "/var/lib/cni/ib-sriov/strange";
    const { warnings } = requireLeft(
      ({ machine }) => machine.files.write(path, "{}"),
      (story) => story.gc([c1]),
    );
    expect(warnings).toEqual([expect.stringContaining(path)]);
  });
});

describe("GC", () => {
  test("asks the IPAM plugin to clean up, too", () => {
    total++;
    const story = new SimulatedNode({});
    story.mustGc([]);
    expect(commands(story)).toEqual(["GC"]);
  });

  test("does not mind an IPAM plugin that is older than GC, and only that", () => {
    total += 2;
    const of = (supportedVersions: readonly string[]) => {
      const story = new SimulatedNode({});
      story.machine.programs.set("/opt/cni/bin/host-local", (child) => {
        if (child.environment.get("CNI_COMMAND") === "VERSION")
          child.exit(0, JSON.stringify({ supportedVersions }));
        else child.exit(1, JSON.stringify({ code: 3, msg: "missing containerID" }));
      });
      return story.gc([]);
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

  test("goes on after a failure, and tells all of them", () => {
    total++;
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    story.mustAdd(c2, { vf: freshVf, guid: guid("02:00:00:00:00:00:00:79"), subnets: ["10.3.0.0/24"] });
    const real = story.machine.leases.program;
    story.machine.programs.set("/opt/cni/bin/host-local", (child) =>
      child.exit(
        1,
        JSON.stringify({
          code: 110,
          msg: `${child.environment.get("CNI_COMMAND")} fails for ${child.environment.get("CNI_CONTAINERID")}`,
        }),
      ),
    );
    story.waitForGracePeriod();
    const { end, error } = story.gc([]);
    expect(end).toBe("failed");
    expect(error).toBeInstanceOf(CniError);
    for (const text of ["network mynet", "DEL fails for c1", "DEL fails for c2", "GC fails for"])
      expect(messageChain(error)).toContain(text);
    // What could be put back is.
    expect(story.machine.host.ofFunction(vf)).toHaveLength(1);
    expect(story.machine.host.ofFunction(freshVf)).toHaveLength(1);
    story.machine.programs.set("/opt/cni/bin/host-local", real);
    story.mustGc([]);
    story.requireAsBefore("after GC");
  });
});

/** What IPAM plugins have been asked. */
function commands({ machine }: SimulatedNode): (string | undefined)[] {
  return machine.children
    .map((child) => child.environment.get("CNI_COMMAND"))
    .filter((each) => each !== "ADD");
}
