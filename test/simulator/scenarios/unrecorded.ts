// DEL where the record is lost: what can be told from the call alone is done, see DESIGN.md, "No record".

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

/** What becomes of a record. */
const losses: Readonly<Record<string, (story: SimulatedNode) => void>> = {
  lost: (story) => void story.machine.files.texts.delete(record),
  damaged: (story) =>
    void story.machine.files.texts.set(record, story.machine.files.texts.get(record)?.slice(0, 400) ?? ""),
};

/** DEL of a container whose record was deleted, or is damaged. */
export function lostRecordScenarios(wanted: readonly NamedRequest[]): Scenario[] {
  return Object.entries(losses).flatMap(([how, spoil]) =>
    wanted.map(
      ({ name, wish, setting }): Scenario => ({
        name: `DEL (${name}), the record being ${how}`,
        setting,
        pod: c1,
        wish,
        arrange: (story) => {
          story.mustAdd(c1, wish);
          spoil(story);
        },
        act: (story, fault) => story.del(c1, wish, fault),
        followUps: [thenHome],
      }),
    ),
  );
}

/** The same, whatever was wanted; and where ADD was killed without a driver. */
export function unrecordedScenarios(): Scenario[] {
  return [
    ...lostRecordScenarios(requests()),
    ...Object.entries(losses).map(
      ([how, spoil]): Scenario => ({
        name: `DEL of a container that has made pkey children, the record being ${how}`,
        setting: {},
        pod: c1,
        wish: kept,
        arrange: (story) => {
          story.mustAdd(c1, kept);
          makeChildren(story);
          spoil(story);
        },
        act: (story, fault) => story.del(c1, kept, fault),
        followUps: [thenHome],
      }),
    ),
    ...Object.entries(losses).map(
      ([how, spoil]): Scenario => ({
        name: `DEL after an ADD that was killed without driver, the record being ${how}`,
        setting: {},
        pod: c1,
        wish: everything,
        arrange: (story) => {
          story.add(c1, everything, killedAfter("functions.unbind"));
          spoil(story);
        },
        act: (story, fault) => story.del(c1, everything, fault),
        followUps: [thenHome],
      }),
    ),
  ];
}

const kept = { vf };

/** The container makes a pkey child of its interface, and another one in a namespace that no runtime knows. */
function makeChildren({ machine }: SimulatedNode): void {
  const pod = machine.paths.get(c1.netns);
  const netdev = pod?.named(c1.ifname)?.[1];
  if (netdev === undefined) throw new Error("the pod has no interface");
  pod?.add(pkeyChild(netdev), "net1.8001");
  machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
}

/** DEL of a container without a record, for a VF that another one has by now. */
export function goPluginUnrecordedScenario(): Scenario {
  const theirs = contrary(everything);
  return {
    name: "DEL of a VF that another container has",
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => void story.mustAdd(c2, theirs),
    act: (story, fault) => {
      const before = story.lines();
      const ran = story.del(c1, everything, fault);
      story.requireUnchanged(before, "after DEL");
      return ran;
    },
    followUps: [
      {
        name: "then the other's DEL",
        goOn(story) {
          story.mustDel(c2, theirs);
          story.requireAsBefore("after the other's DEL");
        },
      },
    ],
  };
}

/** The VF is on the host, with a driver; nothing is leased or written down; another container can have it. */
const thenHome: FollowUp = {
  name: "then its DEL",
  goOn(story, pod, wish) {
    const { machine, problems } = story;
    story.mustDel(pod, wish);
    const before = story.lines();
    if (machine.host.ofFunction(wish.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(wish.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(wish.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    if (before.some((line) => line.includes("a pkey child of "))) problems.push("a pkey child is left");
    if (before.some((line) => line.includes(`of ${pod.containerId} `))) problems.push("a lease is left");
    if (machine.files.texts.has(record)) problems.push("the record is left");
    // Its GUID is left, since nobody knows what it was.
    const target = machine.bus.vf(wish.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== wish.guid && guid !== originalsOf(story.originals, target).port)
      problems.push(`the port GUID is ${guid}`);
    story.mustDel(pod, wish);
    story.requireUnchanged(before, "after another DEL");
  },
};
