// ADD, with everything that can befall it at any of its calls, and whatever happens next.
import { testScenarios } from "./harness/test-scenarios.ts";
import { addScenarios, futileAddScenario } from "./scenarios/add.ts";
import { badIpamScenarios } from "./scenarios/ipam.ts";
import { anything, something, somethingSimilar } from "./scenarios/next.ts";
import { freshWishes, hardWishes, wishes } from "./scenarios/wishes.ts";

testScenarios("ADD", [
  ...addScenarios(wishes(), anything()),
  ...addScenarios(hardWishes(), something()),
  ...addScenarios(freshWishes(), somethingSimilar()),
  ...badIpamScenarios(),
  futileAddScenario(),
]);
