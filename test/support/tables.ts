import { marked, type Tokens } from "marked";
import { textOf } from "./documents.ts";

/** The texts of a table's rows, without its head. */
export type Rows = readonly (readonly string[])[];

/**
 * Returns the rows of all tables below a heading of a document, up to the next heading.
 * @throws {Error} if the document lacks the heading, or a table below it.
 */
export function rowsBelow(document: string, heading: string): Rows {
  const tokens = marked.lexer(textOf(document));
  const isHeading = (token: Tokens.Generic): token is Tokens.Heading => token.type === "heading";
  const begin = tokens.findIndex((token) => isHeading(token) && token.text === heading);
  if (begin < 0) throw new Error(`${document} has no heading "${heading}"`);
  const length = tokens.slice(begin + 1).findIndex(isHeading);
  const below = tokens.slice(begin + 1, length < 0 ? undefined : begin + 1 + length);
  const rows = below
    .filter((token): token is Tokens.Table => token.type === "table")
    .flatMap((table) => table.rows.map((row) => row.map(({ text }) => text)));
  if (rows.length === 0) throw new Error(`${document} has no table below "${heading}"`);
  return rows;
}

/** Returns the texts in a cell that are written as code: "`a`, `b`" contains a and b. */
export function codeIn(cell: string | undefined): string[] {
  return Array.from((cell ?? "").matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
}
