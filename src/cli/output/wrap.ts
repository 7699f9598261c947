import { getenv } from "host";
import { printable } from "../../log/printable.ts";

/** Width of the output if COLUMNS is not set. */
const DEFAULT_WIDTH = 100;
/** No text is wrapped at less than this. */
const LEAST_WIDTH = 40;

/** Returns the width at which texts are wrapped: the variable COLUMNS, or 100. */
export function outputWidth(): number {
  const columns = getenv("COLUMNS") ?? "";
  return /^[1-9]\d{0,4}$/.test(columns) ? Math.max(LEAST_WIDTH, Number(columns)) : DEFAULT_WIDTH;
}

/** Wraps a line of output, whose continuation gets the same indentation. */
export function wrapLine(line: string): string[] {
  const indent = line.length - line.trimStart().length;
  return wrapText(line.slice(indent), outputWidth() - indent).map((each) => " ".repeat(indent) + each);
}

/**
 * Wraps a text at spaces into lines of at most `width` characters. A longer word has its own line. All that is not
 * {@link printable} is escaped.
 */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
