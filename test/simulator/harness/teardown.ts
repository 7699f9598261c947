import { afterEach, expect } from "vitest";
import type { SimulatedNode } from "./simulated-node.ts";

/** The stories of the test that runs. */
const stories: SimulatedNode[] = [];

/** Has the teardown of the running test judge a story. Each story calls this, so that no test can forget it. */
export function judgeAtTeardown(story: SimulatedNode): void {
  stories.push(story);
}

afterEach(() => {
  const ended = stories.splice(0);
  for (const story of ended) story.requireAsBeforeIfFree();
  expect(ended.map(({ problems }) => problems)).toEqual(
    ended.map(({ expectedProblems }) => expectedProblems),
  );
});
