import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { everything, requestedGuid } from "../harness/common-requests.ts";
import { c1, c2, freshVf, ownGuids, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { driver } from "../harness/prepare.ts";
import { pathOf } from "../harness/records.ts";
import { messageChain, rebinds } from "../harness/run.ts";
import { killPoints } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import type { Bus } from "../model/bus.ts";
import { changeNamespace } from "../model/link-requests.ts";

/** The driver of the fresh VF is unbound. */
function loseDriver({ machine }: SimulatedNode): void {
  machine.bus.unbind(freshVf, driver);
}

/** The fresh VF loses its netdev, as by a kill in the middle of a probe. */
function loseNetdev({ machine: { bus } }: SimulatedNode): void {
  bus.loseNetdev(freshVf);
  bus.withoutNetdev.delete(freshVf);
}

/** A VF for virtual machines whose driver is not bound. */
function loseVfioDriver(simulated: SimulatedNode): void {
  simulated.changeNode(({ bus }) => bus.bindVfio(freshVf));
  simulated.machine.bus.vf(freshVf, "unbind").probed = undefined;
}

function again(pci: string, name: string | undefined): FollowUp {
  return {
    name: "then again",
    run(simulated) {
      const { end, error } = simulated.bind(pci, undefined, name);
      if (end !== "done") simulated.problems.push(`every bind fails: ${messageChain(error)}`);
      simulated.releaseLeaseAt();
      simulated.requireAsBefore("after bind");
    },
  };
}

/** ADD completes a bind that was killed after it had written its record, except in the middle of the probe. */
const thenAdd: FollowUp = {
  name: "then ADD and DEL",
  run(simulated, _, request, ran) {
    const { bus } = simulated.machine;
    const isHalf = bus.driverOf(freshVf) !== undefined && bus.netdevsOf(freshVf) === 0;
    const isBegun = ran.end === "killed" && simulated.records(freshVf).length > 0 && !isHalf;
    if (ran.end !== "done" && !isBegun) simulated.bind(freshVf);
    simulated.mustAdd(c2, request);
    simulated.mustDel(c2, request);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after DEL");
  },
};

const free = [
  { name: "a VF without a driver", arrange: loseDriver, more: [thenAdd] },
  { name: "a VF without a driver, with a late netdev", arrange: loseDriver, setting: { lateNetdev: 60 } },
  { name: "a VF without a netdev", arrange: loseNetdev },
];
const freshRequest = { vf: freshVf, guid: requestedGuid };

testScenarios("bind", [
  ...free.map(
    ({ name, arrange, setting = {}, more = [] }): Scenario => ({
      name,
      setting,
      request: freshRequest,
      arrange: (simulated) => {
        simulated.allowDifference("attributes");
        arrange(simulated);
      },
      verb: (simulated, fault) => simulated.bind(freshVf, fault),
      followUps: [again(freshVf, undefined), ...more],
    }),
  ),
  {
    name: "a VF for virtual machines without its driver",
    request: freshRequest,
    arrange: loseVfioDriver,
    verb: (simulated, fault) => simulated.bind(freshVf, fault, "vfio-pci"),
    followUps: [again(freshVf, "vfio-pci")],
  },
  ...killPoints.map(
    (point): Scenario => ({
      name: `a VF whose ADD was killed after ${point.call}`,
      arrange: (simulated) => simulated.killAdd(c1, everything, point),
      verb: (simulated, fault) => simulated.bind(vf, fault),
      followUps: [again(vf, undefined)],
    }),
  ),
]);

describe("bind", () => {
  test("leaves a VF that has its driver and its netdev", () => {
    const simulated = new SimulatedNode({});
    const before = simulated.lines();
    const ran = simulated.bind(vf);
    expect({ end: ran.end, rebinds: rebinds(ran) }).toEqual({ end: "done", rebinds: 0 });
    simulated.requireUnchanged(before, "after bind");
  });

  const inUse = { end: "failed", error: { code: codes.deviceInUse } };
  test.each([
    ["a running container has", () => {}],
    [
      "has lost its driver under a running container",
      ({ machine }: SimulatedNode) => machine.bus.unbind(vf, driver),
    ],
    [
      "has a container whose namespace cannot be found",
      ({ machine }: SimulatedNode) => void machine.paths.delete(c1.netns),
    ],
  ])("refuses a VF that %s", (_, happens) => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    happens(simulated);
    const before = simulated.lines();
    expect(simulated.bind(vf)).toMatchObject(inUse);
    simulated.requireUnchanged(before, "after bind");
  });

  test("refuses a VF whose netdev was moved to another namespace", () => {
    const simulated = new SimulatedNode({});
    const { host, paths } = simulated.machine;
    const [index = 0] = host.ofFunction(vf)[0] ?? [];
    const pod = paths.get(c1.netns);
    if (pod === undefined) throw new Error("no namespace");
    changeNamespace(host, index, pod, "taken");
    expect(simulated.bind(vf)).toMatchObject(inUse);
    simulated.expectProblems(expect.stringContaining("not as before"));
  });

  test.each([
    [
      "is bound to another driver",
      (bus: Bus) => bus.bindVfio(vf),
      /is bound to vfio-pci.*driverctl unset-override/,
    ],
    ["is reserved for another driver", (bus: Bus) => bus.reserveForVfio(vf), /--driver vfio-pci/],
  ])("refuses a VF that %s", (_, happens, message) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ bus }) => happens(bus));
    const { end, error } = simulated.bind(vf);
    expect(end).toBe("failed");
    expect(messageChain(error)).toMatch(message);
  });

  test("restores the GUIDs of a VF whose container's record is lost", () => {
    const simulated = new SimulatedNode({});
    const { bus, files } = simulated.machine;
    simulated.mustAdd(c1, everything);
    files.texts.delete(pathOf(c1));
    bus.unbind(vf, driver);
    expect(simulated.bind(vf).end).toBe("done");
    expect(bus.vf(vf, "look").probed).toMatchObject({ nodeGuid: ownGuids.node, portGuid: ownGuids.port });
    simulated.expectProblems(expect.stringContaining("not as before"));
  });
});
