// The commands of an operator: provision, gc and attachments release.
import { describe, expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { c1, freshGuid, freshVf, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { provided } from "./scenarios/auto.ts";
import { gcOfAllScenarios, provisionScenarios, releaseScenarios } from "./scenarios/operate.ts";
import { everything } from "./scenarios/requests.ts";

testScenarios("operators", [...provisionScenarios(), ...gcOfAllScenarios(), ...releaseScenarios()]);

describe("provision", () => {
  test("makes the first pod's rebind unnecessary, and changes nothing the second time", () => {
    const simulated = new SimulatedNode({});
    const rebinds = (calls: { crossings: readonly { call: string }[] }) =>
      calls.crossings.filter(({ call }) => call === "functions.bind").length;
    expect(rebinds(simulated.provision(freshVf))).toBe(1);
    expect(rebinds(simulated.provision(freshVf))).toBe(0);
    expect(simulated.machine.bus.vf(freshVf, "look").probed?.portGuid).toBe(freshGuid);
    expect(rebinds(simulated.mustAdd(c1, provided))).toBe(0);
  });

  test("leaves a VF that a running container has", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const before = simulated.lines();
    expect(simulated.provision(vf)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    simulated.requireUnchanged(before, "after provision");
  });
});

describe("gc", () => {
  test("leaves a running container, and reports it", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const before = simulated.lines();
    expect(simulated.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/c1-net1: left its namespace .* exists/),
    );
    simulated.requireUnchanged(before, "after gc");
  });

  test("only reports with --dry-run", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.deleteNamespace(c1);
    const before = simulated.lines();
    expect(simulated.gcOfAll(false).warnings).toContainEqual(
      expect.stringMatching(/c1-net1: would be released/),
    );
    simulated.requireUnchanged(before, "after gc");
  });

  test("leaves a container whose namespace cannot be seen, and has the VF", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const { paths } = simulated.machine;
    const namespace = paths.get(c1.netns);
    paths.delete(c1.netns);
    const before = simulated.lines();
    expect(simulated.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/left its namespace .* cannot be found/),
    );
    simulated.requireUnchanged(before, "after gc");
    // Only --force releases it.
    expect(simulated.release(c1, false)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    simulated.requireUnchanged(before, "after release");
    expect(simulated.release(c1, true).end).toBe("done");
    if (namespace !== undefined) paths.set(c1.netns, namespace);
    simulated.requireAsBefore("after release --force");
  });
});

test("release of a container that is not known changes nothing", () => {
  const simulated = new SimulatedNode({});
  const before = simulated.lines();
  expect(simulated.release(c1, true).end).toBe("done");
  simulated.requireUnchanged(before, "after release");
});
