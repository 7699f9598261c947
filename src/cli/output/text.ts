import { getenv, isTerminal, print } from "host";
import { printable, printableLines } from "../../log/printable.ts";

/** Meaning of a text, which decides its color. */
export type Tone = "ok" | "warning" | "error" | "heading" | "aside";

/** Select Graphic Rendition (ECMA-48, 8.3.117): green, yellow, red, bold, faint. */
const CODES: Readonly<Record<Tone, number>> = { ok: 32, warning: 33, error: 31, heading: 1, aside: 2 };

/** The text in the place of a value that must not be published. */
export const REDACTED = "(redacted)";

const ESCAPE = "\x1b";
/** The sequences of {@link colorize}, but no other sequence, which could hide text, for example. */
const COLOR = new RegExp(`(${ESCAPE}\\[(?:[012]|3[123])m)`);

/**
 * Prints lines on stdout. All that is not {@link printable} is escaped, except the colors of {@link colorize}. A text in
 * which a name must not end the line, such as a cell of a table, has been escaped before.
 */
export function printLine(text: string): void {
  const parts = hasColors() ? text.split(COLOR) : [text];
  print(1, `${parts.map((part, i) => (i % 2 === 0 ? printableLines(part) : part)).join("")}\n`);
}

/** Returns a text in a color if stdout is a terminal with colors, and NO_COLOR is not set (no-color.org). */
export function colorize(tone: Tone, text: string): string {
  return hasColors() ? `${ESCAPE}[${CODES[tone]}m${text}${ESCAPE}[0m` : text;
}

function hasColors(): boolean {
  return isTerminal(1) && (getenv("NO_COLOR") ?? "") === "" && getenv("TERM") !== "dumb";
}

/** Formats rows as a table, below a heading if there is one. "" is shown as "-". */
export function formatTable(rows: readonly (readonly string[])[], heading?: readonly string[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === "" ? "-" : printable(cell))));
  const all = heading === undefined ? cells : [heading, ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  "),
  );
  if (heading === undefined) return lines.join("\n");
  return [colorize("heading", lines[0] ?? ""), ...lines.slice(1)].join("\n");
}
