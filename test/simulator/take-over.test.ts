// ADD of a VF that an orphaned attachment has left behind, with all its faults, and the calls that can follow.
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
