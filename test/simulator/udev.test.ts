// udev renames netdevs at the same time as the plugin: at every moment after a netdev appeared, during ADD, between ADD
// and DEL, and during DEL.
import { afterAll, describe, expect, test } from "vitest";
import { c1, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report } from "./harness/test-scenarios.ts";
import { addAltnames } from "./model/link-requests.ts";
import { everything, requests } from "./scenarios/requests.ts";

/** Longest delay, ms: every call takes 1 ms, so that each gap between two calls of either verb has a delay. */
const LONGEST = 120;
/** Further delays, of a udev that renames after the end of the verb. */
const late = [200, 500, 1_000, 1_900, 2_500];

describe("a udev", () => {
  let total = 0;
  afterAll(() => report("udev", total));
  const delays = [...Array.from({ length: LONGEST }, (_, delay) => delay), ...late];

  test.each([
    ["on a kernel that renames only netdevs that are down", {}],
    ["on a kernel that renames any netdev", { renamesUp: true }],
    ["seen from a container that does not have the host's /run", { withoutRun: true }],
  ])("that renames at any moment, %s", (_, setting) => {
    for (const udev of delays) {
      total++;
      const simulated = new SimulatedNode({ udev, ...setting });
      simulated.mustAdd(c1, everything);
      // Plugin and udev must not rename the netdev at the same time: if there is a udev, the plugin waits for it.
      const { crossings } = simulated.del(c1, everything);
      const renames = crossings.filter((each) => each.call === "links.set" && each.subject.includes("name"));
      if (udev < 1_900) expect(renames, `udev after ${udev} ms`).toEqual([]);
      simulated.requireAsBefore("after DEL");
      expect(simulated.problems, `udev after ${udev} ms`).toEqual([]);
    }
  });

  test("gives a netdev that returns to the host its alternative name, at any moment", () => {
    const calls = (() => {
      const simulated = new SimulatedNode({});
      simulated.mustAdd(c1, { vf });
      return simulated.del(c1, { vf }).crossings;
    })();
    for (const { at, call } of calls) {
      total++;
      const simulated = new SimulatedNode({});
      const { host } = simulated.machine;
      simulated.changeNode((machine) => {
        for (const [, netdev] of machine.host.ofFunction(vf)) addAltnames(machine.host, netdev, ["another"]);
      });
      simulated.mustAdd(c1, { vf });
      const { warnings } = simulated.del(c1, { vf }, (crossing) => {
        const [found] = host.ofFunction(vf);
        if (crossing.at === at && found !== undefined && !found[1].altnames.includes("another"))
          addAltnames(host, found[1], ["another"]);
        return undefined;
      });
      simulated.requireAsBefore(`after DEL, with a udev before call ${at}, ${call}`);
      expect([...simulated.problems, ...warnings]).toEqual([]);
    }
  });

  test("does not matter for a VF that is not rebound", () => {
    for (const { request, setting } of requests().filter((each) => each.request.guid === undefined)) {
      total++;
      const simulated = new SimulatedNode({ ...setting, udev: 5 });
      simulated.mustAdd(c1, request);
      simulated.mustDel(c1, request);
      simulated.requireAsBefore("after DEL");
    }
  });
});
