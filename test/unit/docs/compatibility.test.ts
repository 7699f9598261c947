// docs/reference/compatibility.md: each row that was tried names the test that uses the program.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { rowsBelow } from "../../support/tables.ts";

const page = "docs/reference/compatibility.md";
const sections = [
  "Kubernetes and container runtimes",
  "Multus, device plugin and IPAM",
  "Operators and DRA drivers",
  "Kernels and drivers",
  "Fabric",
];

/** A row of the matrix. */
interface Row {
  readonly program: string;
  readonly state: string;
  readonly how: string;
}

const rows: readonly Row[] = [
  ...sections
    .flatMap((section) => rowsBelow(page, section))
    .map(([program = "", , state = "", how = ""]) => ({ program, state, how })),
  ...rowsBelow(page, "Architectures").map(([program = "", state = "", how = ""]) => ({
    program,
    state,
    how,
  })),
];

/** Returns the files of tests that a cell links to, as paths in the repository. */
function testsIn(cell: string): string[] {
  return Array.from(cell.matchAll(/\]\((\S+?\.test\.ts)\)/g), ([, path = ""]) => join(dirname(page), path));
}

/** Returns the error of a row, "" if it is valid. */
function problemOf({ state, how }: Row): string {
  const tests = testsIn(how);
  const missing = tests.filter((path) => !existsSync(path));
  if (missing.length > 0) return `${missing.join()} does not exist`;
  if (state === "tried" || state === "imitated") return tests.length > 0 ? "" : "no test";
  if (state === "tried by hand") return how.length > 5 ? "" : "it does not describe what was tried";
  return state === "not tried" ? "" : `unknown state "${state}"`;
}

test.each(rows)("$program: $state", (row) => {
  expect(problemOf(row)).toBe("");
});

test("the words for the states are explained", () => {
  const words = rowsBelow(page, "Compatibility").map(([word]) => word);
  expect(new Set(words)).toEqual(new Set(rows.map(({ state }) => state)));
});

describe("a row is reported", () => {
  const test1 = "[it](../../test/e2e/add.test.ts)";
  test.each([
    ["that was tried without a test", "tried", "with care", "no test"],
    ["whose test does not exist", "tried", test1.replace("add", "subtract"), "does not exist"],
    ["that was tried by hand in no way", "tried by hand", "", "describe"],
    ["with another word", "works", test1, "unknown state"],
  ])("%s", (_, state, how, problem) => {
    expect(problemOf({ program: "x", state, how })).toContain(problem);
  });
});
