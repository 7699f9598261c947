import { mkdirSync, writeFileSync } from "node:fs";

/**
 * Stores figures, such as the number of cases, which `make test` prints at its end. Figures with the same name
 * are added up (scripts/test.mjs).
 * @param source the caller; a second call of the same source replaces the first.
 */
export function reportFigures(source: string, figures: Readonly<Record<string, number>>): void {
  const directory = new URL("../../build/figures/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${source.replaceAll(/[^\w-]+/g, "-")}.json`, directory), JSON.stringify(figures));
}
