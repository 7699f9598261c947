// DEL, with everything that can befall it at any of its calls, and whatever happens next.
import { thenDel } from "./harness/follow-ups.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { removedScenarios } from "./scenarios/aftermath.ts";
import {
  delAfterKillScenarios,
  delOfNothingScenario,
  delScenarios,
  delWithoutNamespaceScenarios,
} from "./scenarios/del.ts";
import { badReleaseScenarios } from "./scenarios/ipam.ts";
import { mischiefScenarios } from "./scenarios/mischief.ts";
import { something } from "./scenarios/next.ts";
import { referenceScenarios } from "./scenarios/reference.ts";
import { foreignScenario, unrecordedScenarios } from "./scenarios/unrecorded.ts";
import { hardWishes, rareWishes, wishes } from "./scenarios/wishes.ts";

const unlike = wishes().filter(({ name }) =>
  ["nothing in particular", "an address", "everything"].includes(name),
);

testScenarios("DEL", [
  ...delScenarios(wishes(), something()),
  ...delScenarios([...hardWishes(), ...rareWishes()], [thenDel]),
  ...delAfterKillScenarios(),
  ...delWithoutNamespaceScenarios(unlike),
  ...unrecordedScenarios(),
  ...referenceScenarios(),
  ...badReleaseScenarios(),
  ...mischiefScenarios(),
  ...removedScenarios(),
  delOfNothingScenario(),
  foreignScenario(),
]);
