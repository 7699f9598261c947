// Every rule of CNI for plugins has a test whose title states it: conformance.txt is the list.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

/** The sections of the list: their titles, and a line for each rule, with the file, and a part of the test's title. */
const sections = read("conformance.txt")
  .split(/^\[/m)
  .slice(1)
  .map((section) => {
    const [title = "", ...lines] = section.trimEnd().split("\n");
    return { title: title.slice(0, -1), rules: lines.map((line) => line.split(" | ")) };
  });

test("the list is complete and well-formed", () => {
  expect(sections.length).toBeGreaterThanOrEqual(8);
  const rules = sections.flatMap((section) => section.rules);
  expect(rules.length).toBeGreaterThanOrEqual(100);
  for (const rule of rules) expect(rule).toHaveLength(3);
});

describe.each(sections)("$title", ({ rules }) => {
  test.each(rules)("%s", (_rule, file, name) => {
    expect(read(`../../${file}`)).toContain(name);
  });
});

test("the page of the reference names the same commit of the specification, and tests of each rule", () => {
  const page = read("../../../docs/reference/conformance.md");
  const [, commit] = /at commit (\w{7})/.exec(read("conformance.txt")) ?? [];
  expect(page).toContain(`at commit \`${commit}\``);
  expect(page).toContain(`/blob/${commit}/SPEC.md`);
  const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| the spec"));
  expect(rows.length).toBeGreaterThan(35);
  for (const row of rows) expect(row.split(" | ")[2]).toMatch(/^\[.*\.test\.ts\)/);
});

test("reserved codes are not used", () => {
  const reserved = (code: number) =>
    code === 9 || code === 10 || (code >= 12 && code <= 49) || (code >= 52 && code <= 99);
  expect(Object.values(codes).filter(reserved)).toEqual([]);
});

test("no message contains a text that go-cni takes for the success of a DEL", () => {
  const source = new URL("../../../src/", import.meta.url);
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  expect(files.length).toBeGreaterThan(50);
  for (const file of files) {
    expect(readFileSync(new URL(file, source), "utf8"), file).not.toMatch(
      /not found|no such file or directory/,
    );
  }
});
