// CNI_NETNS_OVERRIDE: ADD and DEL for the namespace in which the plugin runs, without moves.
import { testScenarios } from "./harness/test-scenarios.ts";
import { ownNetnsScenarios } from "./scenarios/own-netns.ts";

testScenarios("own namespace", ownNetnsScenarios());
