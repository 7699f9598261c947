import { printable } from "../../log/printable.ts";
import { type Format, type Listing, listingText, type Table, type TextStyle, tableText } from "./listing.ts";

/** A listing that can be printed again if it changes. */
export interface WatchedListing extends Listing {
  /** The documents of the listed things, by name. */
  readonly things: ReadonlyMap<string, unknown>;
  /** The tables of the text, with a name in the first cell of each row; `undefined` if the text is not tables. */
  readonly tables: readonly Table[] | undefined;
}

/** The text in the last column of a row that is no longer in its table. */
const REMOVED = "removed";

/**
 * Formats the changes between two states of a listing: the changed rows of tables, the changed names, or otherwise the
 * whole new state.
 * @returns "" if nothing changed.
 */
export function changesText(
  format: Format,
  { hasHeadings }: Pick<TextStyle, "hasHeadings">,
  before: WatchedListing,
  now: WatchedListing,
): string {
  if (format === "name") return changedNames(before, now).map(printable).join("\n");
  const style = { isWide: format === "wide", hasHeadings };
  const { tables } = now;
  if (format !== "json" && format !== "yaml" && tables !== undefined)
    return tables
      .map((table, i) => changedRows(before.tables?.[i] ?? { ...table, rows: [] }, table, style))
      .filter((text) => text !== "")
      .join("\n");
  const formatted = (listing: Listing) => listingText(format, { hasHeadings: false }, listing);
  const text = formatted(now);
  if (text === formatted(before)) return "";
  // Documents of a YAML stream are separated by a line; a parser of JSON needs no separator.
  if (format === "yaml") return `---\n${text}`;
  return format === "json" ? text : `\n${text}`;
}

function changedNames({ things: before }: WatchedListing, { things: now }: WatchedListing): string[] {
  const all = new Set([...before.keys(), ...now.keys()]);
  return [...all].filter((name) => JSON.stringify(before.get(name)) !== JSON.stringify(now.get(name)));
}

function changedRows(before: Table, now: Table, style: TextStyle): string {
  if (before.rows.length === 0) return now.rows.length === 0 ? "" : tableText(now, style);
  const { columns } = now;
  const shown = (row: readonly string[]) =>
    JSON.stringify(row.filter((_, i) => style.isWide || !columns[i]?.isWide));
  const known = new Set(before.rows.map(shown));
  const names = new Set(now.rows.map(([name]) => name));
  const last = columns.findLastIndex(({ isWide }) => !isWide);
  const removed = before.rows.filter(([name = ""]) => !names.has(name)).map((row) => row.with(last, REMOVED));
  // The headings and all rows are formatted, so that the columns are as wide as before.
  const rows = [...now.rows, ...removed];
  const lines = tableText({ columns, rows }, style)
    .split("\n")
    .slice(style.hasHeadings ? 1 : 0);
  return lines.filter((_, i) => !known.has(shown(rows[i] ?? []))).join("\n");
}
