// "guid": "auto": a VF without a GUID is given one for good, so "as before" is all but that.

import { c1, c2, c3, freshVf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import {
  thenAgain,
  thenAnother,
  thenDel,
  thenDelOfBoth,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { killPoints } from "./del.ts";
import { everything, requestedGuid, same } from "./requests.ts";

/** A VF that was never given a GUID gets one. */
export const provided: AttachmentRequest = {
  vf: freshVf,
  guid: "auto",
  linkState: "enable",
  subnets: ["10.1.0.0/24"],
};
/** One that has a GUID keeps it. */
export const kept: AttachmentRequest = { ...everything, guid: "auto" };
/** The same VF for somebody who names a GUID. */
const named = (wish: AttachmentRequest): AttachmentRequest => ({ ...wish, guid: requestedGuid });

const before = (more: (story: SimulatedNode) => void) => (story: SimulatedNode) => {
  story.forgive("derived GUID");
  more(story);
};

/** ADD and DEL. */
export function autoScenarios(): Scenario[] {
  const earlier = (story: SimulatedNode) => {
    story.mustAdd(c3, provided);
    story.mustDel(c3, provided);
  };
  const adds = [
    { name: "a fresh VF", wish: provided, arrange: () => {} },
    { name: "a fresh VF, nothing else", wish: { vf: freshVf, guid: "auto" } as const, arrange: () => {} },
    { name: "a VF that was given one before", wish: provided, arrange: earlier },
    { name: "a VF that has one of its own", wish: kept, arrange: () => {} },
  ];
  const all = [
    thenDel,
    thenDelWithoutNamespace,
    thenAnother(c2, same, true),
    thenAnother(c2, named, true),
    thenAgain,
  ];
  return adds.flatMap(({ name, wish, arrange }): Scenario[] => [
    {
      name: `ADD (auto, ${name})`,
      setting: {},
      pod: c1,
      wish,
      arrange: before(arrange),
      act: (story, fault) => story.add(c1, wish, fault),
      rollsBack: true,
      followUps: wish === provided && arrange !== earlier ? all : [thenDel, thenAnother(c2, same, true)],
    },
    {
      name: `DEL (auto, ${name})`,
      setting: {},
      pod: c1,
      wish,
      arrange: before((story) => {
        arrange(story);
        story.mustAdd(c1, wish);
      }),
      act: (story, fault) => story.del(c1, wish, fault),
      followUps: [thenDel, thenAnother(c2, same, true)],
    },
  ]);
}

/** One dies with the VF, and the next takes it over; one of them at least leaves the GUID to us. */
export function autoAdoptScenarios(): Scenario[] {
  const fresh = { ...provided, guid: requestedGuid };
  const pairs: [name: string, dead: AttachmentRequest, next: AttachmentRequest][] = [
    ["auto after auto", provided, provided],
    ["a GUID after auto", provided, named(provided)],
    ["auto after a GUID, of a fresh VF", fresh, provided],
    ["auto after a GUID, of a VF that has its own", everything, kept],
  ];
  return pairs.flatMap(([name, dead, next]) =>
    killPoints.map(
      (point): Scenario => ({
        name: `ADD (${name}) after another's was killed after ${point[0]}`,
        setting: {},
        pod: c2,
        wish: next,
        arrange: before((story) => void story.add(c1, dead, killedAfter(...point))),
        act: (story, fault) => story.add(c2, next, fault),
        followUps: [thenDelOfBoth(c1, dead, "the earlier one first"), thenAnother(c3, same, false)],
      }),
    ),
  );
}

/** ADD that cannot succeed: the firmware takes GUIDs, and the VF never gets them. */
export function futileAutoScenario(): Scenario {
  return {
    name: "ADD (auto, GUIDs are dropped)",
    setting: { dropsGuids: true },
    pod: c1,
    wish: provided,
    arrange: before(() => {}),
    act: (story, fault) => story.add(c1, provided, fault),
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel],
  };
}
