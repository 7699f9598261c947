// CNI_NETNS_OVERRIDE: ADD and DEL for the namespace that the plugin runs in, where nothing is moved.
import { testScenarios } from "./harness/test-scenarios.ts";
import { ownNetnsScenarios } from "./scenarios/own-netns.ts";

testScenarios("own namespace", ownNetnsScenarios());
