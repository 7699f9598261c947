// DEL without a record: it does what it can with the call alone.

import { c1, c2, vf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { originalsOf } from "../harness/originals.ts";
import { pathOf } from "../harness/records.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { pkeyChild } from "../model/netdev.ts";
import { contrary, everything, type NamedRequest, requests } from "./requests.ts";

const record = pathOf(c1);

/** Ways in which a record is lost. */
const losses: Readonly<Record<string, (simulated: SimulatedNode) => void>> = {
  lost: (simulated) => void simulated.machine.files.texts.delete(record),
  damaged: (simulated) =>
    void simulated.machine.files.texts.set(
      record,
      simulated.machine.files.texts.get(record)?.slice(0, 400) ?? "",
    ),
};

/** Returns DEL of a container whose record was deleted, or is damaged. */
export function lostRecordScenarios(wanted: readonly NamedRequest[]): Scenario[] {
  return Object.entries(losses).flatMap(([how, spoil]) =>
    wanted.map(
      ({ name, request, setting }): Scenario => ({
        name: `DEL (${name}), the record being ${how}`,
        setting,
        pod: c1,
        request,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          spoil(simulated);
        },
        act: (simulated, fault) => simulated.del(c1, request, fault),
        followUps: [thenReleased],
      }),
    ),
  );
}

/** Returns the same for all requests, and for an ADD that was killed while the VF had no driver. */
export function unrecordedScenarios(): Scenario[] {
  return [
    ...lostRecordScenarios(requests()),
    ...Object.entries(losses).map(
      ([how, spoil]): Scenario => ({
        name: `DEL of a container that has made pkey children, the record being ${how}`,
        setting: {},
        pod: c1,
        request: kept,
        arrange: (simulated) => {
          simulated.mustAdd(c1, kept);
          makeChildren(simulated);
          spoil(simulated);
        },
        act: (simulated, fault) => simulated.del(c1, kept, fault),
        followUps: [thenReleased],
      }),
    ),
    ...Object.entries(losses).map(
      ([how, spoil]): Scenario => ({
        name: `DEL after an ADD that was killed without a driver, the record being ${how}`,
        setting: {},
        pod: c1,
        request: everything,
        arrange: (simulated) => {
          simulated.add(c1, everything, killedAfter("functions.unbind"));
          spoil(simulated);
        },
        act: (simulated, fault) => simulated.del(c1, everything, fault),
        followUps: [thenReleased],
      }),
    ),
  ];
}

const kept = { vf };

/** The container creates a pkey child of its interface, and another one in a namespace that no runtime knows. */
function makeChildren({ machine }: SimulatedNode): void {
  const pod = machine.paths.get(c1.netns);
  const netdev = pod?.named(c1.ifname)?.[1];
  if (netdev === undefined) throw new Error("the pod has no interface");
  pod?.add(pkeyChild(netdev), "net1.8001");
  machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
}

/** Returns DEL of a container without a record, for a VF that another container has. */
export function goPluginUnrecordedScenario(): Scenario {
  const otherRequest = contrary(everything);
  return {
    name: "DEL of a VF that another container has",
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => void simulated.mustAdd(c2, otherRequest),
    act: (simulated, fault) => {
      const before = simulated.lines();
      const ran = simulated.del(c1, everything, fault);
      simulated.requireUnchanged(before, "after DEL");
      return ran;
    },
    followUps: [
      {
        name: "then the other's DEL",
        run(simulated) {
          simulated.mustDel(c2, otherRequest);
          simulated.requireAsBefore("after the other's DEL");
        },
      },
    ],
  };
}

/** Requires that the VF is on the host, with a driver, without lease and record; another container can get it. */
const thenReleased: FollowUp = {
  name: "then its DEL",
  run(simulated, pod, request) {
    const { machine, problems } = simulated;
    simulated.mustDel(pod, request);
    const before = simulated.lines();
    if (machine.host.ofFunction(request.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(request.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(request.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    if (before.some((line) => line.includes("a pkey child of "))) problems.push("a pkey child is left");
    if (before.some((line) => line.includes(`of ${pod.containerId} `))) problems.push("a lease is left");
    if (machine.files.texts.has(record)) problems.push("the record is left");
    // The GUID stays: without a record, the original is not known.
    const target = machine.bus.vf(request.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== request.guid && guid !== originalsOf(simulated.originals, target).port)
      problems.push(`the port GUID is ${guid}`);
    simulated.mustDel(pod, request);
    simulated.requireUnchanged(before, "after another DEL");
  },
};
