// The documented budgets are those that `make bench` and a test enforce.
import { expect, test } from "vitest";
import { budgets } from "../../e2e/harness/instruction-budgets.ts";
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

test("performance.md names the budgets of rails.test.ts, and figures within them", () => {
  const rows = rowsBelow("docs/explanation/performance.md", "Budgets of make test");
  expect(rows.map(([name, limit]) => [name, Number(limit)])).toEqual(Object.entries(budgets));
  expect(rows.every(([, limit, figure]) => Number(figure) <= Number(limit))).toBe(true);
});
