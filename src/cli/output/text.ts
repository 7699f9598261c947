import { getenv, isTerminal, print } from "host";

/** Meaning of a text, which decides its color. */
export type Tone = "ok" | "warning" | "error" | "heading" | "aside";

/** Select Graphic Rendition (ECMA-48, 8.3.117): green, yellow, red, bold, faint. */
const CODES: Readonly<Record<Tone, number>> = { ok: 32, warning: 33, error: 31, heading: 1, aside: 2 };

/** The text in the place of a value that must not be published. */
export const REDACTED = "(redacted)";

const ESCAPE = "\x1b";
/** A sequence of {@link colorize}. */
const COLOR = new RegExp(`(${ESCAPE}\\[\\d\\d?m)`);

/** A pair of surrogates, or a character that {@link printable} escapes. */
const UNPRINTABLE =
  /[\ud800-\udbff][\udc00-\udfff]|[^ -~\u00a0-\u00ac\u00ae-\u061b\u061d-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufff8\ufffc\ufffd]/g;

/** Prints lines on stdout. All that is not {@link printable} is escaped, except the colors of {@link colorize}. */
export function printLine(text: string): void {
  const parts = hasColors() ? text.split(COLOR) : [text];
  print(1, `${parts.map((part, i) => (i % 2 === 0 ? printableLines(part) : part)).join("")}\n`);
}

/** Prints a message of this program on stderr. */
export function printError(message: string): void {
  print(2, printableLines(`ib-sriov: ${message}\n`));
}

/** Returns a text in a color if stdout is a terminal with colors, and NO_COLOR is not set (no-color.org). */
export function colorize(tone: Tone, text: string): string {
  return hasColors() ? `${ESCAPE}[${CODES[tone]}m${text}${ESCAPE}[0m` : text;
}

/**
 * Returns a text in which some characters are escaped as in JSON, e.g. "\u001b": control characters, which a terminal
 * would obey; invisible characters, and those that change the direction of a text; and halves of surrogate pairs, which
 * no valid UTF-8 contains. A container can choose names.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (found) => (found.length === 2 ? found : escapeOf(found)));
}

/** Returns a text as {@link printable} does, without escaping the ends of its lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
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
