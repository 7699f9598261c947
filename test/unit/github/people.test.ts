// The files about people: to whom a vulnerability is reported, and who approves changes.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { textOf } from "../../support/documents.ts";

test("OWNERS has the two lists that Prow reads, without names", () => {
  expect(parse(readFileSync("OWNERS", "utf8"), { uniqueKeys: true })).toEqual({
    approvers: [],
    reviewers: [],
  });
});

test("SECURITY.md names the supported versions, the way to report, and the scope, without a mail address", () => {
  const headings = Array.from(textOf("SECURITY.md").matchAll(/^## (.*)$/gm), ([, heading]) => heading);
  expect(headings).toEqual([
    "Supported versions",
    "Report a vulnerability",
    "Trust",
    "In scope",
    "Not in scope",
  ]);
  expect(textOf("SECURITY.md")).not.toMatch(/\S@\S/);
});

test("CONTRIBUTING.md leads to both", () => {
  expect(textOf("CONTRIBUTING.md")).toMatch(/\]\(SECURITY\.md\)[\s\S]*\]\(OWNERS\)/);
});
