/** The JSON schemas of the commands' output (docs/reference). */
import { readdirSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { textOf } from "./documents.ts";

const directory = new URL("../../docs/reference/", import.meta.url);
const SUFFIX = ".schema.json";

/** The schemas by the command's name, with dashes in place of blanks, e.g. "attachments-show". */
export const schemas: Readonly<Record<string, object>> = Object.fromEntries(
  readdirSync(directory)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => [name.slice(0, -SUFFIX.length), JSON.parse(textOf(`docs/reference/${name}`))]),
);

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: false });
formats.default(ajv);
const validators = Object.fromEntries(
  Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]),
);

/**
 * Validates the output of a command.
 * @param command its name.
 * @returns the errors of the document.
 */
export function schemaErrors(command: string, document: unknown): string[] {
  const validate = validators[command.replaceAll(" ", "-")];
  if (validate === undefined) return [`the output of ${command} has no schema in docs/reference`];
  validate(document);
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}
