// ADD, with everything that can befall it at any of its calls, and whatever happens next.
import { testScenarios } from "./harness/test-scenarios.ts";
import { addScenarios } from "./scenarios/add.ts";

testScenarios("ADD", addScenarios());
