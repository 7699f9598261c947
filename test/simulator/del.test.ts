// DEL, with each fault at each of its calls, and the calls that can follow.
import { thenDel } from "./harness/follow-ups.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { removedScenarios } from "./scenarios/aftermath.ts";
import {
  delAfterKillScenarios,
  delOfNothingScenario,
  delScenarios,
  delWithoutNamespaceScenarios,
} from "./scenarios/del.ts";
import { goPluginScenarios } from "./scenarios/go-plugin.ts";
import { badReleaseScenarios } from "./scenarios/ipam.ts";
import { something } from "./scenarios/next.ts";
import { rareRequests, refusedRequests, requests } from "./scenarios/requests.ts";
import { tamperingScenarios } from "./scenarios/tampering.ts";
import { goPluginUnrecordedScenario, unrecordedScenarios } from "./scenarios/unrecorded.ts";

const unlike = requests().filter(({ name }) => ["no settings", "an address", "everything"].includes(name));

testScenarios("DEL", [
  ...delScenarios(requests(), something()),
  ...delScenarios([...refusedRequests(), ...rareRequests()], [thenDel]),
  ...delAfterKillScenarios(),
  ...delWithoutNamespaceScenarios(unlike),
  ...unrecordedScenarios(),
  ...goPluginScenarios(),
  ...badReleaseScenarios(),
  ...tamperingScenarios(),
  ...removedScenarios(),
  delOfNothingScenario(),
  goPluginUnrecordedScenario(),
]);
