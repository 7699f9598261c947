// ADD of a VF that a dead attachment has left behind, with everything that can befall it, and what happens next.
import { testScenarios } from "./harness/test-scenarios.ts";
import { adoptScenarios, againScenarios, changedScenarios, inheritScenarios } from "./scenarios/adopt.ts";
import { aftermathScenarios } from "./scenarios/aftermath.ts";

testScenarios("taking over", [
  ...adoptScenarios(),
  ...inheritScenarios(),
  ...changedScenarios(),
  ...againScenarios(),
  ...aftermathScenarios(),
]);
