// The suite must notice if any single undo, record or change is missing, and each test whose node is not as before must
// fail.
import { afterEach, describe, expect, test, vi } from "vitest";
import { Locks } from "../../src/attachment/lock/locks.ts";
import { StateDirectory } from "../../src/attachment/record/state-directory.ts";
import { order } from "../../src/attachment/steps/order.ts";
import { rdmaDevice } from "../../src/attachment/steps/rdma-device.ts";
import { everything, isolated, rareRequests, requests, same } from "./harness/common-requests.ts";
import { c1, c2 } from "./harness/default-node.ts";
import { refuseAt } from "./harness/faults.ts";
import { delOrOtherAdd, thenDel } from "./harness/follow-ups.ts";
import type { Fault, NodeCall } from "./harness/gate.ts";
import { pathOf } from "./harness/records.ts";
import { addScenarios, delScenarios, killPoints, takeOverScenario } from "./harness/scenarios.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { type Scenario, sweep } from "./harness/sweep.ts";

afterEach(() => vi.restoreAllMocks());

/** Reports whether a quick part of the suite finds a problem: the runs without a fault, and those with a kill. */
function findsProblem(scenarios: readonly Scenario[]): boolean {
  return scenarios.some(
    (scenario) => sweep(scenario, { cases: ({ kills }) => kills, maxProblems: 1 }).problems.length > 0,
  );
}

const different = [...requests(), ...rareRequests()].filter(({ name }) =>
  ["no settings", "everything", "a device information file"].includes(name),
);
const basic = [...addScenarios(different, delOrOtherAdd()), ...delScenarios(different, delOrOtherAdd())];

const takeOvers = killPoints.slice(0, 2).map((point) => takeOverScenario(same, point));

/** A node on which each RDMA device belongs to one namespace. */
const kernel = { rdma: "exclusive" } as const;

describe("the suite notices when", () => {
  // The addresses end with the interface, and carrier and partition are only waits: there is nothing to undo.
  const undone = order.netdev.apply.filter(
    ({ name }) => !["addresses", "carrier", "partition"].includes(name),
  );

  test.each(undone)("the $name is not undone", (step) => {
    vi.spyOn(step, "undo").mockImplementation(() => {});
    expect(findsProblem(basic)).toBe(true);
  });

  test("the isolated RDMA device of a container is not returned to the host", () => {
    vi.spyOn(rdmaDevice, "undo").mockImplementation(() => {});
    expect(
      findsProblem(delScenarios([{ name: "isolation", request: isolated, setting: kernel }], [thenDel])),
    ).toBe(true);
  });

  test("the record is written only at the end", () => {
    vi.spyOn(StateDirectory.prototype, "create").mockImplementation(
      ({ containerId, ifname }) => `/var/lib/cni/ib-sriov/${containerId}-${ifname}`,
    );
    expect(findsProblem(basic)).toBe(true);
  });

  test("a record stays at its place when its VF is restored for another container", () => {
    vi.spyOn(StateDirectory.prototype, "deferRelease").mockImplementation((path) => path);
    expect(findsProblem(takeOvers)).toBe(true);
  });

  test("an ADD that takes a VF over does not claim it", () => {
    vi.spyOn(Locks.prototype, "claim").mockImplementation(() => {});
    expect(findsProblem(takeOvers)).toBe(true);
  });
});

describe("the suite notices when one change is left out", () => {
  /** Calls whose effect another call has, too, or that matter only after a kill. */
  const expendable = [
    // The directory exists already.
    "files.makeDirectory",
    // Names the holder for processes that wait; an owner without a record does not count.
    "lock.write",
    // Matters only after a kill, see above.
    "files.create",
    // A rebind restores settings that the restore leaves out.
    "links.setSettings",
    // Other names are removed again in the container.
    "links.removeAltnames",
  ];
  const matters = ({ call, parts }: NodeCall) => parts.includes("nothing") && !expendable.includes(call);
  const without =
    (left: NodeCall): Fault =>
    ({ at }) =>
      at === left.at ? { part: "nothing", end: "return" } : undefined;

  const kinds = [
    { what: "", setting: {}, request: everything },
    { what: "isolating ", setting: kernel, request: isolated },
  ] as const;
  const cases = kinds.flatMap(({ what, setting, request }) => {
    const simulated = new SimulatedNode(setting);
    const added = simulated.add(c1, request).calls.filter(matters);
    const deleted = simulated.del(c1, request).calls.filter(matters);
    return [
      ...added.map((each) => ({
        name: `${what}ADD: ${each.call} ${each.subject}`,
        setting,
        request,
        added: each,
      })),
      ...deleted.map((each) => ({
        name: `${what}DEL: ${each.call} ${each.subject}`,
        setting,
        request,
        deleted: each,
      })),
    ];
  });

  test.each(cases)("of $name", ({ setting, request, ...left }) => {
    const simulated = SimulatedNode.ofSweep(setting);
    if ("added" in left) {
      const { end } = simulated.add(c1, request, without(left.added));
      expect(end === "failed" || simulated.problems.length > 0).toBe(true);
      return;
    }
    simulated.mustAdd(c1, request);
    const { end } = simulated.del(c1, request, without(left.deleted));
    simulated.requireAsBefore("after DEL");
    expect(end === "failed" || simulated.problems.length > 0).toBe(true);
  });
});

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
  expect(simulated.add(c1, everything, refuseAt("links.move", "EBUSY")).end).toBe("failed");
});
