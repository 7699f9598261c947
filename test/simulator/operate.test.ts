// What operators call: provision, gc and attachments release.
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
  test("spares the first pod its rebind, and the next call everything", () => {
    const story = new SimulatedNode({});
    const rebinds = (calls: { crossings: readonly { call: string }[] }) =>
      calls.crossings.filter(({ call }) => call === "functions.bind").length;
    expect(rebinds(story.provision(freshVf))).toBe(1);
    expect(rebinds(story.provision(freshVf))).toBe(0);
    expect(story.machine.bus.vf(freshVf, "look").probed?.portGuid).toBe(freshGuid);
    expect(rebinds(story.mustAdd(c1, provided))).toBe(0);
  });

  test("leaves a VF that a living container has", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    const before = story.lines();
    expect(story.provision(vf)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    story.requireUnchanged(before, "after provision");
  });
});

describe("gc", () => {
  test("leaves what is alive, and says so", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    const before = story.lines();
    expect(story.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/c1-net1: left its namespace .* is there/),
    );
    story.requireUnchanged(before, "after gc");
  });

  test("with --dry-run only tells", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    story.deleteNamespace(c1);
    const before = story.lines();
    expect(story.gcOfAll(false).warnings).toContainEqual(expect.stringMatching(/c1-net1: would be released/));
    story.requireUnchanged(before, "after gc");
  });

  test("leaves a container whose namespace cannot be seen, and has the VF", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    const { paths } = story.machine;
    const namespace = paths.get(c1.netns);
    paths.delete(c1.netns);
    const before = story.lines();
    expect(story.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/left its namespace .* cannot be found/),
    );
    story.requireUnchanged(before, "after gc");
    // That is what --force is for.
    expect(story.release(c1, false)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    story.requireUnchanged(before, "after release");
    expect(story.release(c1, true).end).toBe("done");
    if (namespace !== undefined) paths.set(c1.netns, namespace);
    story.requireAsBefore("after release --force");
  });
});

test("release of a container that nobody knows changes nothing", () => {
  const story = new SimulatedNode({});
  const before = story.lines();
  expect(story.release(c1, true).end).toBe("done");
  story.requireUnchanged(before, "after release");
});
