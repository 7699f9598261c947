// docs/reference/tables.md has every column, condition, distance and check of the commands, and no other.
import type { Tokens } from "marked";
import { expect, test } from "vitest";
import { PF_COLUMNS, VF_COLUMNS } from "../../../src/cli/attachments/list.ts";
import { CONDITIONS } from "../../../src/cli/metrics/node-metrics.ts";
import { CHECKS } from "../../../src/cli/selftest/results.ts";
import { DISTANCES } from "../../../src/cli/topology/distance.ts";
import { only, textOf, tokensIn } from "../../support/documents.ts";

/** The columns, with a note at those that only `-o wide` prints. */
const columns = [...PF_COLUMNS, ...VF_COLUMNS].map(
  ({ heading, isWide }) => `${heading}${isWide ? " (wide)" : ""}`,
);

/** Returns the names in the first column of each table. A row can be about several names. */
function documentedNames(): string[][] {
  const tables = only<Tokens.Table>(tokensIn(textOf("docs/reference/tables.md")), "table");
  return tables.map(({ rows }) =>
    rows.flatMap(([first]) => {
      const names = only<Tokens.Codespan>(first?.tokens ?? [], "codespan").map(({ text }) => text);
      return names.includes("-o wide")
        ? names.filter((name) => name !== "-o wide").map((name) => `${name} (wide)`)
        : names;
    }),
  );
}

test.each([
  ["columns", columns],
  ["conditions", CONDITIONS],
  ["distances", Object.keys(DISTANCES)],
  ["checks", Object.keys(CHECKS)],
])("%s", (name, names) => {
  const table = documentedNames()[["columns", "conditions", "distances", "checks"].indexOf(name)];
  expect([...(table ?? [])].sort()).toEqual([...new Set(names)].sort());
});
