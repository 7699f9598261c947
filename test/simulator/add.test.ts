// ADD, with everything that can befall it at any of its calls, and whatever happens next.
import { thenDel } from "./harness/follow-ups.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { addScenarios, futileAddScenario } from "./scenarios/add.ts";
import { badIpamScenarios, hopelessIpamScenarios } from "./scenarios/ipam.ts";
import { anything, something, somethingSimilar } from "./scenarios/next.ts";
import {
  everything,
  freshVfRequests,
  partitionRequests,
  rareRequests,
  refusedRequests,
  requests,
} from "./scenarios/requests.ts";

testScenarios("ADD", [
  ...addScenarios([...requests(), ...refusedRequests()], something()),
  ...addScenarios(rareRequests(), somethingSimilar()),
  ...addScenarios(partitionRequests(), [thenDel]),
  ...addScenarios([{ name: "everything, and anything next", wish: everything, setting: {} }], anything()),
  ...addScenarios(freshVfRequests(), somethingSimilar()),
  ...badIpamScenarios(),
  ...hopelessIpamScenarios(),
  futileAddScenario(),
]);
