// ADD of a VF that a dead attachment has left behind, with everything that can befall it, and what happens next.
import { testScenarios } from "./harness/test-scenarios.ts";
import { aftermathScenarios } from "./scenarios/aftermath.ts";
import {
  againScenarios,
  changedScenarios,
  originalsScenarios,
  takeOverScenarios,
} from "./scenarios/take-over.ts";

testScenarios("taking over", [
  ...takeOverScenarios(),
  ...originalsScenarios(),
  ...changedScenarios(),
  ...againScenarios(),
  ...aftermathScenarios(),
]);
