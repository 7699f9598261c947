// "guid": "auto": a VF without a GUID gets one permanently, so this GUID is the only difference from before.

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

/** A VF that never had a GUID gets one. */
export const provided: AttachmentRequest = {
  vf: freshVf,
  guid: "auto",
  linkState: "enable",
  subnets: ["10.1.0.0/24"],
};
/** A VF that has a GUID keeps it. */
export const kept: AttachmentRequest = { ...everything, guid: "auto" };
/** The same request with an explicit GUID. */
const named = (request: AttachmentRequest): AttachmentRequest => ({ ...request, guid: requestedGuid });

const before = (more: (simulated: SimulatedNode) => void) => (simulated: SimulatedNode) => {
  simulated.allowDifference("derived GUID");
  more(simulated);
};

/** Returns ADD and DEL. */
export function autoScenarios(): Scenario[] {
  const earlier = (simulated: SimulatedNode) => {
    simulated.mustAdd(c3, provided);
    simulated.mustDel(c3, provided);
  };
  const adds = [
    { name: "a fresh VF", request: provided, arrange: () => {} },
    { name: "a fresh VF, nothing else", request: { vf: freshVf, guid: "auto" } as const, arrange: () => {} },
    { name: "a VF that got one before", request: provided, arrange: earlier },
    { name: "a VF that has a GUID", request: kept, arrange: () => {} },
  ];
  const all = [
    thenDel,
    thenDelWithoutNamespace,
    thenAnother(c2, same, true),
    thenAnother(c2, named, true),
    thenAgain,
  ];
  return adds.flatMap(({ name, request, arrange }): Scenario[] => [
    {
      name: `ADD (auto, ${name})`,
      setting: {},
      pod: c1,
      request,
      arrange: before(arrange),
      act: (simulated, fault) => simulated.add(c1, request, fault),
      rollsBack: true,
      followUps: request === provided && arrange !== earlier ? all : [thenDel, thenAnother(c2, same, true)],
    },
    {
      name: `DEL (auto, ${name})`,
      setting: {},
      pod: c1,
      request,
      arrange: before((simulated) => {
        arrange(simulated);
        simulated.mustAdd(c1, request);
      }),
      act: (simulated, fault) => simulated.del(c1, request, fault),
      followUps: [thenDel, thenAnother(c2, same, true)],
    },
  ]);
}

/** Returns takeovers of a VF whose ADD was killed. In each pair, a request has "guid": "auto". */
export function autoTakeOverScenarios(): Scenario[] {
  const fresh = { ...provided, guid: requestedGuid };
  const pairs: [name: string, stale: AttachmentRequest, next: AttachmentRequest][] = [
    ["auto after auto", provided, provided],
    ["a GUID after auto", provided, named(provided)],
    ["auto after a GUID, of a fresh VF", fresh, provided],
    ["auto after a GUID, of a VF that has its own", everything, kept],
  ];
  return pairs.flatMap(([name, stale, next]) =>
    killPoints.map(
      (point): Scenario => ({
        name: `ADD (${name}) after another's was killed after ${point[0]}`,
        setting: {},
        pod: c2,
        request: next,
        arrange: before((simulated) => void simulated.add(c1, stale, killedAfter(...point))),
        act: (simulated, fault) => simulated.add(c2, next, fault),
        followUps: [thenDelOfBoth(c1, stale, "the earlier one first"), thenAnother(c3, same, false)],
      }),
    ),
  );
}

/** Returns a scenario of an ADD that cannot succeed: the firmware accepts GUIDs, but the VF never gets them. */
export function failingAutoScenario(): Scenario {
  return {
    name: "ADD (auto, GUIDs are dropped)",
    setting: { dropsGuids: true },
    pod: c1,
    request: provided,
    arrange: before(() => {}),
    act: (simulated, fault) => simulated.add(c1, provided, fault),
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel],
  };
}
