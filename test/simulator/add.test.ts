// ADD, with everything that can befall it at any of its calls, and whatever happens next.
import { thenDel } from "./harness/follow-ups.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { addScenarios, futileAddScenario } from "./scenarios/add.ts";
import { badIpamScenarios, hopelessIpamScenarios } from "./scenarios/ipam.ts";
import { anything, something, somethingSimilar } from "./scenarios/next.ts";
import {
  everything,
  freshWishes,
  hardWishes,
  partitionWishes,
  rareWishes,
  wishes,
} from "./scenarios/wishes.ts";

testScenarios("ADD", [
  ...addScenarios([...wishes(), ...hardWishes()], something()),
  ...addScenarios(rareWishes(), somethingSimilar()),
  ...addScenarios(partitionWishes(), [thenDel]),
  ...addScenarios([{ name: "everything, and anything next", wish: everything, setting: {} }], anything()),
  ...addScenarios(freshWishes(), somethingSimilar()),
  ...badIpamScenarios(),
  ...hopelessIpamScenarios(),
  futileAddScenario(),
]);
