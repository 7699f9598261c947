import type { FollowUp } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { c1, vf } from "../harness/world.ts";
import { something } from "./next.ts";
import { type Wanted, wantedGuid } from "./wishes.ts";

/** ADD of a container. */
export function addScenarios(wanted: readonly Wanted[], followUps: readonly FollowUp[]): Scenario[] {
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
  const wish = { vf, guid: wantedGuid, subnets: ["10.1.0.0/24"] };
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
