// RDMA devices that belong to one container: ADD, DEL and later calls, with all their faults.
import { testScenarios } from "./harness/test-scenarios.ts";
import {
  freshIsolationScenarios,
  isolationAfterKillScenarios,
  isolationScenarios,
  unlikelyScenarios,
} from "./scenarios/isolation.ts";

testScenarios("isolation", [
  ...isolationScenarios(),
  ...unlikelyScenarios(),
  ...isolationAfterKillScenarios(),
  ...freshIsolationScenarios(),
]);
