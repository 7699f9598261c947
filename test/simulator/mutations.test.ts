// The suite must notice if any single undo, lock, record or change is missing.
import { afterEach, describe, expect, test, vi } from "vitest";
import { Locks } from "../../src/attachment/lock/locks.ts";
import { modes } from "../../src/attachment/modes.ts";
import { StateDirectory } from "../../src/attachment/record/state-directory.ts";
import { rdmaDevice } from "../../src/attachment/steps/rdma-device.ts";
import { steps } from "../../src/attachment/steps/steps.ts";
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

/** Reports whether a quick part of the suite finds a problem: the runs without a fault, and those with a kill. */
function notices(scenarios: readonly Scenario[]): boolean {
  return scenarios.some(
    (scenario) => sweep(scenario, { cases: ({ kills }) => kills, maxProblems: 1 }).problems.length > 0,
  );
}

const some = [...requests(), ...rareRequests()].filter(({ name }) =>
  ["no settings", "everything", "a device information file"].includes(name),
);
const basic = [...addScenarios(some, something()), ...delScenarios(some, something())];

/** A node on which each RDMA device belongs to one namespace. */
const kernel = { rdma: "exclusive" } as const;

describe("the suite notices when", () => {
  // The addresses end with the interface, and carrier and partition are only waits: there is nothing to undo.
  const undone = modes.netdev.apply.filter((name) => !["addresses", "carrier", "partition"].includes(name));

  test.each(undone)("the step %s is not undone", (name) => {
    vi.spyOn(steps[name], "undo").mockImplementation(() => {});
    expect(notices(basic)).toBe(true);
  });

  test("the isolated RDMA device of a container is not returned to the host", () => {
    vi.spyOn(rdmaDevice, "undo").mockImplementation(() => {});
    expect(
      notices(delScenarios([{ name: "isolation", request: isolated, setting: kernel }], [thenDel])),
    ).toBe(true);
  });

  test("the record is written only at the end", () => {
    vi.spyOn(StateDirectory.prototype, "create").mockImplementation(
      ({ containerId, ifname }) => `/var/lib/cni/ib-sriov/${containerId}-${ifname}`,
    );
    expect(notices(basic)).toBe(true);
  });

  test("a record stays at its place when its VF is taken over", () => {
    vi.spyOn(StateDirectory.prototype, "deferRelease").mockImplementation((path) => path);
    expect(notices(takeOverScenarios().slice(0, 2))).toBe(true);
  });

  test("an ADD that takes a VF over does not claim it", () => {
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
  const matters = ({ call, parts }: Crossing) => parts.includes("nothing") && !expendable.includes(call);
  const without =
    (left: Crossing): Fault =>
    ({ at }) =>
      at === left.at ? { part: "nothing", end: "return" } : undefined;

  const kinds = [
    { what: "", setting: {}, request: everything },
    { what: "isolating ", setting: kernel, request: isolated },
  ] as const;
  const cases = kinds.flatMap(({ what, setting, request }) => {
    const simulated = new SimulatedNode(setting);
    const added = simulated.add(c1, request).crossings.filter(matters);
    const deleted = simulated.del(c1, request).crossings.filter(matters);
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
