import type { HostError } from "host";
import { printable } from "../../log/printable.ts";
import { errnoOf } from "../../node/node.ts";
import type { CommandCall, Option } from "../command.ts";
import { formatTable, printLine } from "./text.ts";
import { formatYaml } from "./yaml.ts";

/** The version of the structure of JSON and YAML output (docs/reference). A new member does not change it. */
export const SCHEMA_VERSION = 1;

const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
/** How output is formatted: "wide" is "table" with more columns, "name" prints only names, one in a line. */
export type Format = (typeof FORMATS)[number];

/** The options of commands that print a {@link Listing}. */
export const listingOptions: readonly Option[] = [
  {
    name: "output",
    letter: "o",
    value: "FORMAT",
    values: FORMATS,
    summary: `prints as ${FORMATS.slice(0, -1).join(", ")} or ${FORMATS.at(-1)} (default table)`,
  },
  { name: "no-headers", summary: "prints tables without headings" },
];

/** A column of a table. */
export interface Column {
  readonly heading: string;
  /** Whether the column is printed only with `-o wide`. */
  readonly isWide?: boolean;
}

/** A table: each row has a text for each column; "" is printed as "-". */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** How a command's text is printed. */
export interface TextStyle {
  readonly isWide: boolean;
  readonly hasHeadings: boolean;
}

/** The output of a command in all formats. */
export interface Listing {
  /** The document for JSON and YAML, without its `schemaVersion`. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Names of the listed things, which the command's parameters or other commands accept. */
  readonly names: readonly string[];
  /** Returns the text for people: as {@link tablesText} does, or its lines, in which a name can have any characters. */
  readonly text: (style: TextStyle) => string | readonly string[];
}

/** Returns the format that a call requests. */
export function formatOf({ options }: CommandCall): Format {
  return FORMATS.find((format) => format === options.get("output")) ?? "table";
}

/**
 * Prints a listing as a call requests it. A reader that has ended does not change the exit status, which reports what the
 * command has done.
 */
export function printListing(call: CommandCall, listing: Listing): void {
  const text = listingText(formatOf(call), { hasHeadings: !call.options.has("no-headers") }, listing);
  try {
    // Without names, -o name prints no line.
    if (text !== "") printLine(text);
  } catch (error) {
    if (!isReaderGone(error)) throw error;
  }
}

/** Reports whether a print to stdout failed because its reader has ended, such as `head`. */
export function isReaderGone(error: unknown): boolean {
  return errnoOf(error) === "EPIPE" && (error as HostError).subject === "stdout";
}

/** Formats a listing, without a newline at the end. */
export function listingText(
  format: Format,
  { hasHeadings }: Pick<TextStyle, "hasHeadings">,
  { document, names, text }: Listing,
): string {
  const versioned = { schemaVersion: SCHEMA_VERSION, ...document };
  if (format === "json") return JSON.stringify(versioned, undefined, 2);
  if (format === "yaml") return formatYaml(versioned);
  if (format === "name") return names.map(printable).join("\n");
  const formatted = text({ isWide: format === "wide", hasHeadings });
  return typeof formatted === "string" ? formatted : formatted.map(printable).join("\n");
}

/** Formats tables, with an empty line between two of them. Tables without rows are left out. */
export function tablesText(tables: readonly Table[], style: TextStyle): string {
  return tables
    .filter(({ rows }) => rows.length > 0)
    .map((table) => tableText(table, style))
    .join("\n\n");
}

/** Formats a table. */
export function tableText({ columns, rows }: Table, { isWide, hasHeadings }: TextStyle): string {
  const shown = columns.flatMap((column, index) => (column.isWide && !isWide ? [] : [index]));
  const heading = shown.map((index) => columns[index]?.heading ?? "");
  const cells = rows.map((row) => shown.map((index) => row[index] ?? ""));
  return formatTable(cells, hasHeadings ? heading : undefined);
}
