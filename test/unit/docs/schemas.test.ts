// The schemas of docs/reference: every command with structured output has one, and it describes every member.
import { expect, test } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { textOf } from "../../support/documents.ts";
import { schemaErrors, schemas } from "../../support/schemas.ts";

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const structured = commands.filter(({ options }) => options.some(({ name }) => name === "output"));
const all = Object.entries(schemas) as [string, Schema][];

test("the commands with structured output have a schema each", () => {
  expect(Object.keys(schemas).sort()).toEqual(structured.map(({ name }) => name.replace(" ", "-")).sort());
});

test("the reference names every schema", () => {
  const text = textOf("docs/reference/json.md");
  const missing = structured.filter(({ name }) => {
    const file = `${name.replace(" ", "-")}.schema.json`;
    return !text.includes(`| \`ib-sriov ${name}\` | [${file}](${file}) |`);
  });
  expect(missing.map(({ name }) => name)).toEqual([]);
});

/** Returns a schema and those in it, with their paths. */
function within(path: string, schema: Schema): [string, Schema][] {
  const { properties = {}, $defs = {}, items } = schema;
  const inner = [...Object.entries(properties), ...Object.entries($defs), ...(items ? [["[]", items]] : [])];
  return [
    [path, schema],
    ...(inner as [string, Schema][]).flatMap(([name, each]) => within(`${path}.${name}`, each)),
  ];
}

test.each(all)("%s: an object has no other members than those that are described", (name, schema) => {
  const parts = within(name, schema);
  const objects = parts.filter(([, { type }]) => type === "object");
  expect(objects.filter(([, { additionalProperties }]) => additionalProperties !== false)).toEqual([]);
  const members = parts.flatMap(([path, { properties = {}, $defs = {} }]) =>
    Object.entries({ ...properties, ...$defs }).map(([key, each]) => [`${path}.${key}`, each.description]),
  );
  expect(members.filter(([, description]) => !/^[A-Za-z].*\.$/.test(description ?? ""))).toEqual([]);
});

test("what several schemas define, they define alike", () => {
  const definitions = new Map<string, Schema>();
  for (const [, { $defs = {} }] of all) {
    // The outcomes of two commands differ.
    for (const name of ["pci", "guid", "attachment"]) {
      const definition = $defs[name];
      if (definition === undefined) continue;
      expect(definition).toEqual(definitions.get(name) ?? definition);
      definitions.set(name, definition);
    }
  }
  expect([...definitions.keys()].sort()).toEqual(["attachment", "guid", "pci"]);
});

test.each([
  ["a wrong version", { schemaVersion: 2, attachments: [] }, "/schemaVersion"],
  ["a missing member", { schemaVersion: 1 }, "attachments"],
  ["an unknown member", { schemaVersion: 1, attachments: [], more: 1 }, "more"],
])("%s is an error", (_, document, error) => {
  expect(schemaErrors("attachments show", document).join()).toContain(error);
});
