// ADD, with each fault at each of its calls, and the calls that can follow.
import { thenDel } from "./harness/follow-ups.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { addScenarios, failingAddScenario } from "./scenarios/add.ts";
import { badIpamScenarios, brokenIpamScenarios } from "./scenarios/ipam.ts";
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
  ...addScenarios([{ name: "everything, and anything next", request: everything, setting: {} }], anything()),
  ...addScenarios(freshVfRequests(), somethingSimilar()),
  ...badIpamScenarios(),
  ...brokenIpamScenarios(),
  failingAddScenario(),
]);
