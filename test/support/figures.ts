import { mkdirSync, writeFileSync } from "node:fs";

/**
 * Makes figures known, e.g. the number of cases that were tried: `make test` prints them at its end, those of the same
 * name added up (scripts/test.mjs).
 * @param source who says it; a second call of the same source replaces the first.
 */
export function reportFigures(source: string, figures: Readonly<Record<string, number>>): void {
  const directory = new URL("../../build/figures/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${source.replaceAll(/[^\w-]+/g, "-")}.json`, directory), JSON.stringify(figures));
}
