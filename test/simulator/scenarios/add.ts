import { c1, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { something } from "./next.ts";
import { type NamedRequest, requestedGuid } from "./requests.ts";

/** ADD of a container. */
export function addScenarios(wanted: readonly NamedRequest[], followUps: readonly FollowUp[]): Scenario[] {
  return wanted.map(({ name, wish, setting }) => ({
    name: `ADD (${name})`,
    setting,
    pod: c1,
    wish,
    act: (story, fault) => story.add(c1, wish, fault),
    rollsBack: true,
    followUps,
  }));
}

/** ADD that cannot succeed: the firmware takes GUIDs, and the VF never gets them. */
export function futileAddScenario(): Scenario {
  const wish = { vf, guid: requestedGuid, subnets: ["10.1.0.0/24"] };
  return {
    name: "ADD (GUIDs are dropped)",
    setting: { dropsGuids: true },
    pod: c1,
    wish,
    act: (story, fault) => story.add(c1, wish, fault),
    ends: "failed",
    rollsBack: true,
    followUps: something(),
  };
}
