import { afterEach, expect } from "vitest";
import type { SimulatedNode } from "./simulated-node.ts";

/** The simulated nodes of the running test. */
const simulatedNodes: SimulatedNode[] = [];

/**
 * Registers a node for the running test's teardown. Each simulated node does so itself, so that no test can omit it.
 */
export function judgeAtTeardown(simulated: SimulatedNode): void {
  simulatedNodes.push(simulated);
}

afterEach(() => {
  const ended = simulatedNodes.splice(0);
  for (const simulated of ended) simulated.requireAsBeforeIfFree();
  expect(ended.map(({ problems }) => problems)).toEqual(
    ended.map(({ expectedProblems }) => expectedProblems),
  );
});
