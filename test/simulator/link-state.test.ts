// A port that DEL takes down must not leave a query to the subnet administrator without an answer: each rebind on the
// node would wait until it times out.
import { expect, test } from "vitest";
import { c1, c2, freshVf, vf } from "./harness/default-node.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { requestedGuid } from "./scenarios/requests.ts";

/** Returns the time that an action takes, ms. */
function duration(simulated: SimulatedNode, action: () => void): number {
  const begin = simulated.machine.time.now;
  action();
  return simulated.machine.time.now - begin;
}

test("an ADD of another VF does not wait for what a DEL has left in the kernel", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable" } as const;
  simulated.mustAdd(c1, request);
  simulated.mustDel(c1, request);
  simulated.machine.time.pass(1_100);
  const next = { vf: freshVf, guid: requestedGuid };
  expect(duration(simulated, () => simulated.mustAdd(c2, next))).toBeLessThan(1_000);
  simulated.mustDel(c2, next);
});

test("DEL of a pod that has run for a while does not wait", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable" } as const;
  simulated.mustAdd(c1, request);
  simulated.machine.time.pass(10_000);
  expect(duration(simulated, () => simulated.mustDel(c1, request))).toBeLessThan(600);
});

test("DEL of a pod whose VF is rebound does not wait, because the rebind ends all queries", () => {
  const simulated = new SimulatedNode({});
  const request = { vf, linkState: "enable", guid: requestedGuid } as const;
  simulated.mustAdd(c1, request);
  expect(duration(simulated, () => simulated.mustDel(c1, request))).toBeLessThan(1_000);
});
