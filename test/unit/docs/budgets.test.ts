// The documented budgets are those that `make bench` enforces.
import { expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";
import { rowsBelow } from "../../support/tables.ts";

test("performance.md names the limit of each budget of bench/run", () => {
  const script = textOf("bench/run").replace(/\\\n\s*/g, "");
  const budgets = Array.from(
    script.matchAll(/^\s*budget "(.+?)" "\$\(.*\)" (\d\S*)$/gm),
    ([, name, limit]) => [name, limit],
  );
  expect(budgets.length).toBe(script.match(/^\s*budget "/gm)?.length);
  expect(rowsBelow("docs/explanation/performance.md", "Budgets")).toEqual(budgets);
});
