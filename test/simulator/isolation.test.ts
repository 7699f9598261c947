// RDMA devices that a container has for itself: ADD, DEL and what comes after, with everything that can befall them.
import { testScenarios } from "./harness/test-scenarios.ts";
import {
  freshIsolationScenarios,
  isolationAftermaths,
  isolationScenarios,
  unlikelyScenarios,
} from "./scenarios/isolation.ts";

testScenarios("isolation", [
  ...isolationScenarios(),
  ...unlikelyScenarios(),
  ...isolationAftermaths(),
  ...freshIsolationScenarios(),
]);
