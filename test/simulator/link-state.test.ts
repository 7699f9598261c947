// A port that DEL takes down leaves no question to the subnet administrator without an answer: each rebind on the node would
// wait with it.
import { expect, test } from "vitest";
import { c1, c2, freshVf, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { requestedGuid } from "./scenarios/requests.ts";

/** How long something takes, ms. */
function duration(story: SimulatedNode, action: () => void): number {
  const begin = story.machine.time.now;
  action();
  return story.machine.time.now - begin;
}

test("an ADD of another VF does not wait for what a DEL has left in the kernel", () => {
  const story = new SimulatedNode({});
  const wish = { vf, linkState: "enable" } as const;
  story.mustAdd(c1, wish);
  story.mustDel(c1, wish);
  story.machine.time.pass(1_100);
  const next = { vf: freshVf, guid: requestedGuid };
  expect(duration(story, () => story.mustAdd(c2, next))).toBeLessThan(1_000);
  story.mustDel(c2, next);
});

test("DEL of a pod that has lived for a while does not wait", () => {
  const story = new SimulatedNode({});
  const wish = { vf, linkState: "enable" } as const;
  story.mustAdd(c1, wish);
  story.machine.time.pass(10_000);
  expect(duration(story, () => story.mustDel(c1, wish))).toBeLessThan(600);
});

test("nor does one of a pod whose VF is rebound, which ends all questions", () => {
  const story = new SimulatedNode({});
  const wish = { vf, linkState: "enable", guid: requestedGuid } as const;
  story.mustAdd(c1, wish);
  expect(duration(story, () => story.mustDel(c1, wish))).toBeLessThan(1_000);
});
