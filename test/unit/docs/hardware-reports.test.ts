import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";
import { schemaErrors } from "../../support/schemas.ts";

const files = readdirSync("docs/reports");

test("the table of docs/reference/hardware-reports.md is what `make reference` writes", () => {
  const { status, stdout, stderr } = spawnSync("node", ["scripts/hardware-reports.mjs"], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(textOf("docs/reference/hardware-reports.md"), "run `make reference`").toBe(stdout);
  for (const file of files) expect(stdout).toContain(`](../reports/${file})`);
});

test.each(files)("docs/reports/%s is a report without GUIDs", (file) => {
  const text = textOf(`docs/reports/${file}`);
  expect(schemaErrors("selftest", JSON.parse(text))).toEqual([]);
  expect(text).not.toMatch(/([0-9a-f]{2}:){7}[0-9a-f]{2}|fe80:/i);
});
