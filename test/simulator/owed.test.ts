// Leases that a dead attachment owes.
import { expect, test } from "vitest";
import { killedAfter } from "./harness/faults.ts";
import { Story } from "./harness/story.ts";
import { c1, c2, freshVf, vf } from "./harness/world.ts";
import { everything } from "./scenarios/wishes.ts";

test("a lease that its container holds anew is not released", () => {
  const story = new Story({});
  story.add(c1, everything, killedAfter("links.move"));
  // Takes the VF over, and dies before it has released c1's lease.
  story.add(c2, everything, killedAfter("files.rename"));
  expect(story.owed()).toHaveLength(1);

  // The same container once more, on another VF. A lease of the same name is in the way; who cleans up after
  // that frees it.
  const again = { ...everything, vf: freshVf };
  expect(story.add(c1, again).end).toBe("failed");
  expect(story.mustAdd(c1, again).end).toBe("done");
  story.settleOwed();
  expect(story.owed()).toEqual([]);
  expect([...story.machine.leases.leases.values()]).toContain("c1 net1");

  story.mustDel(c1, again);
  story.mustDel(c2, everything);
  story.requireAsBefore("after both DELs");
  expect(story.problems).toEqual([]);
});

test("two leases of one name are both owed, and both are released", () => {
  const story = new Story({});
  const networks = [everything, { ...everything, network: "othernet" }];
  for (const wish of networks) {
    story.add(c1, wish, killedAfter("links.move"));
    story.add(c2, everything, killedAfter("files.rename"));
    story.mustDel(c2, everything);
  }
  expect(story.owed()).toHaveLength(2);
  story.settleOwed();
  story.requireAsBefore("after both are settled");
  expect(story.problems).toEqual([]);
  expect(story.machine.bus.driverOf(vf)).toBeDefined();
});
