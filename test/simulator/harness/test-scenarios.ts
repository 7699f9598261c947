import { afterAll, describe, expect, test } from "vitest";
import { type Scenario, sweep } from "./sweep.ts";

/** Problems that the message of a failed test shows; the rest is usually more of the same. */
const SHOWN = 5;

/** A test for each scenario, and the number of cases at the end. */
export function testScenarios(what: string, scenarios: readonly Scenario[]): void {
  let total = 0;
  describe(what, () => {
    afterAll(() => console.log(`simulator, ${what}: ${total} cases`));
    for (const scenario of scenarios) {
      test(scenario.name, () => {
        const { cases, problems } = sweep(scenario);
        total += cases;
        const shown = problems.slice(0, SHOWN).join("\n\n");
        expect(shown, `${problems.length} of ${cases} cases have a problem`).toBe("");
      });
    }
  });
}
