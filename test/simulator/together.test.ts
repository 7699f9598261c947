// Two calls at the same time: a verb, and another event between any two of its calls.
import { afterAll, describe, expect, test } from "vitest";
import { interleave } from "./harness/interleave.ts";
import { report } from "./harness/test-scenarios.ts";
import { interleavings } from "./scenarios/together.ts";

let total = 0;

describe("at the same time", () => {
  afterAll(() => report("two things at once", total));
  for (const each of interleavings()) {
    test(each.name, () => {
      const { cases, problems } = interleave(each);
      total += cases;
      expect(problems.slice(0, 5).join("\n\n"), `${problems.length} of ${cases}`).toBe("");
    });
  }
});
