import { c1, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { something } from "./next.ts";
import { type NamedRequest, requestedGuid } from "./requests.ts";

/** Returns scenarios of an ADD of a container. */
export function addScenarios(wanted: readonly NamedRequest[], followUps: readonly FollowUp[]): Scenario[] {
  return wanted.map(({ name, request, setting }) => ({
    name: `ADD (${name})`,
    setting,
    pod: c1,
    request,
    act: (simulated, fault) => simulated.add(c1, request, fault),
    rollsBack: true,
    followUps,
  }));
}

/** Returns a scenario of an ADD that cannot succeed: the firmware accepts GUIDs, but the VF never gets them. */
export function failingAddScenario(): Scenario {
  const request = { vf, guid: requestedGuid, subnets: ["10.1.0.0/24"] };
  return {
    name: "ADD (GUIDs are dropped)",
    setting: { dropsGuids: true },
    pod: c1,
    request,
    act: (simulated, fault) => simulated.add(c1, request, fault),
    ends: "failed",
    rollsBack: true,
    followUps: something(),
  };
}
