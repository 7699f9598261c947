// Does the suite notice? Each undo, each lock, each record, each single change is taken away in turn.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Step } from "../../src/attachment/context.ts";
import { Locks } from "../../src/attachment/lock/locks.ts";
import { StateDirectory } from "../../src/attachment/record/state-directory.ts";
import { allSteps } from "../../src/attachment/steps/all-steps.ts";
import { rdmaDevice } from "../../src/attachment/steps/rdma-device.ts";
import { c1 } from "./harness/default-node.ts";
import { thenDel } from "./harness/follow-ups.ts";
import { interleave } from "./harness/interleave.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { type Scenario, sweep } from "./harness/sweep.ts";
import type { Crossing, Fault } from "./node/gate.ts";
import { addScenarios } from "./scenarios/add.ts";
import { delScenarios } from "./scenarios/del.ts";
import { isolated } from "./scenarios/isolation.ts";
import { something } from "./scenarios/next.ts";
import { everything, rareRequests, requests } from "./scenarios/requests.ts";
import { takeOverScenarios } from "./scenarios/take-over.ts";
import { interleavings } from "./scenarios/together.ts";

afterEach(() => vi.restoreAllMocks());

/** Does a part of the suite that takes little time find anything: what goes well, and what is killed? */
function notices(scenarios: readonly Scenario[]): boolean {
  return scenarios.some(
    (scenario) => sweep(scenario, { cases: ({ kills }) => kills, enough: 1 }).problems.length > 0,
  );
}

const some = [...requests(), ...rareRequests()].filter(({ name }) =>
  ["nothing in particular", "everything", "a file that tells of the device"].includes(name),
);
const basic = [...addScenarios(some, something()), ...delScenarios(some, something())];

/** Where RDMA devices belong to one namespace each. */
const kernel = { rdma: "exclusive" } as const;

describe("the suite notices when", () => {
  // The addresses go with the interface, and carrier and partition are only waited for: there is nothing to undo.
  const steps = allSteps.filter(({ name }) => !["addresses", "carrier", "partition"].includes(name));

  test.each(steps.map((step): [string, Step] => [step.name, step]))("the %s is not undone", (_, step) => {
    vi.spyOn(step, "undo").mockImplementation(() => {});
    expect(notices(basic)).toBe(true);
  });

  test("the RDMA device of a container that has it for itself is not brought home", () => {
    vi.spyOn(rdmaDevice, "undo").mockImplementation(() => {});
    expect(notices(delScenarios([{ name: "isolation", wish: isolated, setting: kernel }], [thenDel]))).toBe(
      true,
    );
  });

  test("the record is written only when all is done", () => {
    vi.spyOn(StateDirectory.prototype, "create").mockImplementation(
      ({ containerId, ifname }) => `/var/lib/cni/ib-sriov/${containerId}-${ifname}`,
    );
    expect(notices(basic)).toBe(true);
  });

  test("a record is left where it is when its VF is taken over", () => {
    vi.spyOn(StateDirectory.prototype, "park").mockImplementation((path) => path);
    expect(notices(takeOverScenarios().slice(0, 2))).toBe(true);
  });

  test("nobody says that he takes a VF over", () => {
    vi.spyOn(Locks.prototype, "claim").mockImplementation(() => {});
    expect(notices(takeOverScenarios().slice(0, 2))).toBe(true);
  });

  test.each([
    ["the VF is not locked", "acquireVf", "two ADDs for one VF"],
    ["the node is not locked", "whileNodeIsLocked", "ADD of one VF while another of the same PF is attached"],
    [
      "the node is not locked, and RDMA devices move",
      "whileNodeIsLocked",
      "isolating ADD of one VF while another is isolated",
    ],
  ] as const)("%s", (_, method, name) => {
    if (method === "acquireVf") vi.spyOn(Locks.prototype, method).mockImplementation(() => {});
    else vi.spyOn(Locks.prototype, method).mockImplementation((_, action) => action());
    const found = interleavings().filter((each) => each.name === name);
    expect(found.flatMap((each) => interleave(each).problems).length).toBeGreaterThan(0);
  });
});

describe("the suite notices when one change is left out", () => {
  /** Calls whose effect something else has as well, or that are for the case of a kill only. */
  const expendable = [
    // There already.
    "files.makeDirectory",
    // Says who holds it, for who waits; an owner without a record is none.
    "lock.write",
    // For the case of a kill, see above.
    "files.create",
    // What a set does not restore, a rebind does.
    "links.setSettings",
    // The interface is freed of them once more in the container.
    "links.removeAltnames",
  ];
  const matters = ({ call, parts }: Crossing) => parts.includes("nothing") && !expendable.includes(call);
  const without =
    (left: Crossing): Fault =>
    ({ at }) =>
      at === left.at ? { part: "nothing", end: "return" } : undefined;

  const kinds = [
    { what: "", setting: {}, wish: everything },
    { what: "isolating ", setting: kernel, wish: isolated },
  ] as const;
  const cases = kinds.flatMap(({ what, setting, wish }) => {
    const story = new SimulatedNode(setting);
    const added = story.add(c1, wish).crossings.filter(matters);
    const deleted = story.del(c1, wish).crossings.filter(matters);
    return [
      ...added.map((each) => ({
        name: `${what}ADD: ${each.call} ${each.subject}`,
        setting,
        wish,
        added: each,
      })),
      ...deleted.map((each) => ({
        name: `${what}DEL: ${each.call} ${each.subject}`,
        setting,
        wish,
        deleted: each,
      })),
    ];
  });

  test.each(cases)("of $name", ({ setting, wish, ...left }) => {
    const story = SimulatedNode.ofSweep(setting);
    if ("added" in left) {
      const { end } = story.add(c1, wish, without(left.added));
      expect(end === "failed" || story.problems.length > 0).toBe(true);
      return;
    }
    story.mustAdd(c1, wish);
    const { end } = story.del(c1, wish, without(left.deleted));
    story.requireAsBefore("after DEL");
    expect(end === "failed" || story.problems.length > 0).toBe(true);
  });
});
