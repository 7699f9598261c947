import { mkdirSync, writeFileSync } from "node:fs";

/**
 * Makes a figure known, e.g. the number of cases that a suite ran: `make test` prints it at its end (scripts/test.mjs).
 * A suite calls it once, with all that it has to say.
 */
export function reportFigures(suite: string, figures: Readonly<Record<string, number | string>>): void {
  const directory = new URL("../../build/figures/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${suite.replaceAll(/[^\w-]+/g, "-")}.json`, directory), JSON.stringify(figures));
}
