// udev renames netdevs under our feet: at every moment after a netdev appeared, in ADD, after it, and in DEL.
import { afterAll, describe, expect, test } from "vitest";
import { c1, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report } from "./harness/test-scenarios.ts";
import { addAltnames } from "./model/link-requests.ts";
import { everything, requests } from "./scenarios/requests.ts";

/** Longest delay, ms: every call takes one, so each gap between two calls of either verb is hit. */
const LONGEST = 120;
/** What else there is to see at it: udev that comes when all is over. */
const late = [200, 500, 1_000, 1_900, 2_500];

describe("a udev", () => {
  let total = 0;
  afterAll(() => report("udev", total));
  const delays = [...Array.from({ length: LONGEST }, (_, delay) => delay), ...late];

  test.each([
    ["on a kernel that renames only what is down", {}],
    ["on a kernel that renames anything", { renamesUp: true }],
    ["seen from a container that has not the host's /run", { withoutRun: true }],
  ])("that comes at any moment, %s", (_, setting) => {
    for (const udev of delays) {
      total++;
      const story = new SimulatedNode({ udev, ...setting });
      story.mustAdd(c1, everything);
      // Both renaming it at once is what must not happen: where there is a udev, it is waited for.
      const { crossings } = story.del(c1, everything);
      const renames = crossings.filter((each) => each.call === "links.set" && each.subject.includes("name"));
      if (udev < 1_900) expect(renames, `udev after ${udev} ms`).toEqual([]);
      story.requireAsBefore("after DEL");
      expect(story.problems, `udev after ${udev} ms`).toEqual([]);
    }
  });

  test("gives a netdev that comes home its alternative name, at any moment", () => {
    const calls = (() => {
      const story = new SimulatedNode({});
      story.mustAdd(c1, { vf });
      return story.del(c1, { vf }).crossings;
    })();
    for (const { at, call } of calls) {
      total++;
      const story = new SimulatedNode({});
      const { host } = story.machine;
      story.happens((machine) => {
        for (const [, netdev] of machine.host.ofFunction(vf)) addAltnames(machine.host, netdev, ["another"]);
      });
      story.mustAdd(c1, { vf });
      const { warnings } = story.del(c1, { vf }, (crossing) => {
        const [home] = host.ofFunction(vf);
        if (crossing.at === at && home !== undefined && !home[1].altnames.includes("another"))
          addAltnames(host, home[1], ["another"]);
        return undefined;
      });
      story.requireAsBefore(`after DEL, with a udev before call ${at}, ${call}`);
      expect([...story.problems, ...warnings]).toEqual([]);
    }
  });

  test("has no say in a VF that is not bound anew", () => {
    for (const { wish, setting } of requests().filter((each) => each.wish.guid === undefined)) {
      total++;
      const story = new SimulatedNode({ ...setting, udev: 5 });
      story.mustAdd(c1, wish);
      story.mustDel(c1, wish);
      story.requireAsBefore("after DEL");
    }
  });
});
