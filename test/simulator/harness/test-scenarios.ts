import { writeSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { reportFigures } from "../../support/figures.ts";
import { type Scenario, sweep } from "./sweep.ts";

/** Number of problems that the message of a failed test shows; further ones are usually of the same kind. */
const SHOWN = 5;

// Vitest asks for a hundred lines of every stack trace; here thousands of errors are thrown.
Error.stackTraceLimit = 8;

/** Defines a test for each scenario, and reports the number of cases at the end. */
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

/** Reports the number of cases on stderr, bypassing vitest, which would print a heading above each line. */
export function report(what: string, cases: number): void {
  writeSync(2, `simulator: ${cases} cases of ${what}\n`);
  reportFigures(`simulator-${what}`, { "faults and kills injected into the simulated node": cases });
}
