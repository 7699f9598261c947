import { printable } from "../../log/printable.ts";
import { colorize } from "../output/text.ts";
import { outputWidth, wrapText } from "../output/wrap.ts";
import type { Finding, Level } from "./finding.ts";

/** A finding with its subject. */
export interface ReportedFinding extends Finding {
  readonly subject: string;
}

/** Width of the column of levels. */
const LEVEL_WIDTH = 9;
/** The least width for texts in a column; below it they begin at {@link NARROW_INDENT}. */
const LEAST_TEXT = 40;
const NARROW_INDENT = 4;

/** Formats the findings as text, and a verdict. */
export function textOf(findings: readonly ReportedFinding[]): string {
  const idWidth = Math.max(0, ...findings.map(({ id }) => id.length));
  const lines = findings.flatMap((finding) => findingLines(finding, { idWidth }));
  return [...lines, "", ...wrapText(summaryOf(findings), outputWidth())].join("\n");
}

/**
 * Formats a finding as lines that are wrapped at the width of the output. Commands are not wrapped, so that they can be
 * copied.
 * @param options `idWidth`: width of the column of IDs; default: that of this ID.
 */
export function findingLines(
  { id, level, found, command, advice }: Finding,
  { idWidth = id.length }: { readonly idWidth?: number } = {},
): string[] {
  const width = outputWidth();
  const column = LEVEL_WIDTH + idWidth + 2;
  const indent = width - column < LEAST_TEXT ? NARROW_INDENT : column;
  const heading = `${colorize(toneOf(level), level.padEnd(LEVEL_WIDTH))}${id}`;
  const [first = "", ...others] = indented(found, indent, width);
  return [
    ...(indent === column ? [`${heading}${first.slice(LEVEL_WIDTH + id.length)}`] : [heading, first]),
    ...others,
    ...(command?.split("\n") ?? []).map((line) => colorize("heading", commandLine(line, indent, width))),
    ...(advice === undefined ? [] : indented(`(${advice})`, indent, width)).map((line) =>
      colorize("aside", line),
    ),
  ];
}

/** Returns the verdict and the numbers of problems. */
function summaryOf(findings: readonly Finding[]): string {
  const [errors = 0, warnings = 0] = ["error", "warning"].map(
    (level) => findings.filter((each) => each.level === level).length,
  );
  return `${verdictOf(findings)}: ${counted(errors, "error")}, ${counted(warnings, "warning")}`;
}

/** Returns one sentence about the node. */
export function verdictOf(findings: readonly Finding[]): string {
  if (findings.some(({ level }) => level === "error")) return "Not all pods can be attached";
  // The networks of Kubernetes are not on the node, so a network that sets a GUID is possible.
  if (findings.some(({ id }) => id === "guid-none"))
    return "Pods can be attached only to networks that set a GUID";
  return "Pods can be attached";
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function toneOf(level: Level) {
  return level === "skipped" ? "aside" : level;
}

function indented(text: string, indent: number, width: number): string[] {
  return wrapText(text, width - indent).map((line) => " ".repeat(indent) + line);
}

/** Returns the line of a command, with less indentation if it would not fit otherwise. */
function commandLine(command: string, indent: number, width: number): string {
  const line = printable(command);
  return " ".repeat(Math.max(0, Math.min(indent, width - line.length))) + line;
}
