// The teardown of each test checks its simulated nodes: these tests must fail.
import { describe, expect, test } from "vitest";
import { c1, c2 } from "./harness/default-node.ts";
import { pathOf } from "./harness/records.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { Refusal } from "./model/refusal.ts";
import { everything } from "./scenarios/requests.ts";

describe("a test fails", () => {
  test.fails("if an ADD that must succeed fails, and the test does not check it", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, { ...everything, mtu: 9000 });
  });

  test.fails("if any of several simulated nodes has a problem", () => {
    const [, second] = [new SimulatedNode({}), new SimulatedNode({}), new SimulatedNode({})];
    second?.mustAdd(c1, everything);
    second?.mustAdd(c2, everything);
  });

  test.fails("if nothing is attached and the node is not as before", () => {
    const simulated = new SimulatedNode({});
    simulated.machine.bus.vf(everything.vf, "change it").linkState = "enable";
  });

  test.fails("if a record is lost, and its VF with it", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.machine.files.texts.delete(pathOf(c1));
  });

  test.fails("if the problem that it expects does not occur", () => {
    new SimulatedNode({}).expectProblems("ADD of c1 failed");
  });
});

test("an expected problem, and an attachment that stays, do not fail the test", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.mustAdd(c2, everything);
  simulated.expectProblems(expect.stringMatching(/^ADD of c2 failed: .*belongs to container c1/s));
});

test("an ADD that fails leaves no problem", () => {
  const simulated = new SimulatedNode({});
  const fault = ({ call }: { call: string }) =>
    call === "links.move" ? { end: new Refusal("EBUSY", "move") } : undefined;
  expect(simulated.add(c1, everything, fault).end).toBe("failed");
});
