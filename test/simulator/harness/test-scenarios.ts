import { writeSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { reportFigures } from "../../support/figures.ts";
import { type Scenario, sweep } from "./sweep.ts";

/** Problems that the message of a failed test shows; the rest is usually more of the same. */
const SHOWN = 5;

// Vitest wants a hundred lines of every stack trace; here errors are thrown by the thousand.
Error.stackTraceLimit = 8;

/** A test for each scenario, and the number of cases at the end. */
export function testScenarios(what: string, scenarios: readonly Scenario[]): void {
  let total = 0;
  describe(what, () => {
    afterAll(() => report(what, total));
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

/** Says how much was tried. It goes past vitest, which would put a heading over each line. */
export function report(what: string, cases: number): void {
  writeSync(2, `simulator: ${cases} cases of ${what}\n`);
  reportFigures(`simulator-${what}`, { "faults and kills injected into the simulated node": cases });
}
