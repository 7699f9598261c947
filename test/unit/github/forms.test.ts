// The forms for issues follow GitHub's syntax, and ask for the reports that the commands make.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

const directory = ".github/ISSUE_TEMPLATE";
const read = (name: string) => readFileSync(`${directory}/${name}`, "utf8");

interface Element {
  readonly type: string;
  readonly id?: string;
  readonly attributes?: Record<string, unknown>;
  readonly validations?: Record<string, unknown>;
}

/** The attributes of each type of element, from GitHub's "Syntax for GitHub's form schema"; true: required. */
const attributes: Record<string, Record<string, boolean>> = {
  markdown: { value: true },
  textarea: { label: true, description: false, placeholder: false, value: false, render: false },
  input: { label: true, description: false, placeholder: false, value: false },
  dropdown: { label: true, description: false, multiple: false, options: true, default: false },
  checkboxes: { label: true, description: false, options: true },
};

function problemsOfElement({
  type,
  id,
  attributes: given = {},
  validations = {},
  ...more
}: Element): string[] {
  const known = attributes[type];
  if (known === undefined) return [`unknown type ${type}`];
  const options = (given.options ?? []) as unknown[];
  const labels = options.map((option) =>
    type === "dropdown" ? option : (option as { label?: unknown }).label,
  );
  return [
    ...Object.keys(more).map((key) => `unknown key ${key}`),
    ...Object.keys(given).flatMap((key) => (key in known ? [] : [`${type} has no attribute ${key}`])),
    ...Object.keys(known).flatMap((key) => (known[key] && !given[key] ? [`${type} needs ${key}`] : [])),
    ...(id !== undefined && !/^[\w-]+$/.test(id) ? [`invalid id ${id}`] : []),
    ...("options" in known && labels.length === 0 ? [`${type} has no options`] : []),
    ...(labels.every((label) => typeof label === "string" && label !== "") ? [] : ["an option has no text"]),
    ...(new Set(labels).size < labels.length ? ["an option is there twice"] : []),
    ...Object.entries(validations).flatMap(([key, value]) =>
      key === "required" && typeof value === "boolean" ? [] : [`invalid validation ${key}`],
    ),
  ];
}

/** Returns the rules of GitHub that a form breaks. */
function problemsIn(text: string): string[] {
  const form = parse(text, { uniqueKeys: true });
  const body: Element[] = Array.isArray(form.body) ? form.body : [];
  const known = ["name", "description", "title", "labels", "assignees", "projects", "type", "body"];
  const twice = (values: unknown[]) =>
    values.filter((value, at) => value !== undefined && values.indexOf(value) < at);
  return [
    ...["name", "description"].filter((key) => !form[key]).map((key) => `${key} is missing`),
    ...Object.keys(form).flatMap((key) => (known.includes(key) ? [] : [`unknown key ${key}`])),
    ...(body.some(({ type }) => type !== "markdown") ? [] : ["the body asks for nothing"]),
    ...twice(body.map(({ id }) => id)).map((id) => `id ${id} is there twice`),
    ...twice(body.map((each) => each.attributes?.label)).map((label) => `label ${label} is there twice`),
    ...body.flatMap(problemsOfElement),
  ];
}

describe.each(readdirSync(directory))("%s", (name) => {
  test("follows GitHub's syntax", () => {
    expect(problemsIn(read(name))).toEqual([]);
  });

  test("names documents that exist", () => {
    for (const [path] of read(name).matchAll(/docs\/[\w/-]+(\.md)?/g))
      expect([path, existsSync(path)]).toEqual([path, true]);
  });
});

test.each([
  ["name is missing", "name: Bug", ""],
  ["unknown key label", "labels:", "label:"],
  ["unknown type choice", "type: dropdown", "type: choice"],
  ["invalid id a step", "id: steps", "id: a step"],
  ["id version is there twice", "id: steps", "id: version"],
  ["label Version is there twice", "label: Steps", "label: Version"],
  ["textarea needs label", "label: Steps", "placeholder: Steps"],
  ["textarea has no attribute language", "render: shell", "language: shell"],
  ["dropdown has no options", /options: \[.*\]/, "options: []"],
  ["an option is there twice", /options: \[.*\]/, "options: [a, a]"],
  ["invalid validation required", "required: true", "required: sometimes"],
  ["the body asks for nothing", /body:[\s\S]*/, "body: [{ type: markdown, attributes: { value: text } }]"],
])("a changed form is reported: %s", (problem, before, after) => {
  const text = read("bug.yml");
  const changed = text.replace(before, after);
  expect(changed).not.toBe(text);
  expect(problemsIn(changed)).toContain(problem);
});

const required = (name: string): string[] =>
  parse(read(name))
    .body.filter(({ validations }: Element) => validations?.required)
    .map(({ attributes: given }: Element) => String(given?.description));

test("a bug needs the report of the node, and a hardware report that of selftest, by the documented command", () => {
  expect(required("bug.yml").join()).toContain("ib-sriov bugreport -");
  const [, command = "?"] =
    /^ +\/opt\/cni\/bin\/(ib-sriov selftest .*)$/m.exec(
      readFileSync("docs/how-to/test-the-hardware.md", "utf8"),
    ) ?? [];
  expect(required("hardware.yml").join()).toContain(command);
});

test("the template for pull requests names targets and documents that exist", () => {
  const text = readFileSync(".github/pull_request_template.md", "utf8");
  const makefile = readFileSync("Makefile", "utf8");
  for (const [, target] of text.matchAll(/`make ([a-z-]+)`/g))
    expect(makefile).toMatch(new RegExp(`^${target}:`, "m"));
  expect(text).toContain("CONTRIBUTING.md");
});
