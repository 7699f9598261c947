import { fromJson, isObject } from "../../cni/document.ts";

/** The changes and errors of a command, a line each. */
export interface CommandReport {
  readonly changes: readonly string[];
  readonly errors: readonly string[];
}

/** The words in the log for the outcomes of `provision` and `gc` that are changes of the node. */
const CHANGES: ReadonlyMap<unknown, string> = new Map([
  ["given", "assigned a GUID to"],
  ["released", "released"],
]);

/**
 * Reads the JSON that `provision` and `gc` print. Any other text has no changes and no errors.
 */
export function readReport(text: string): CommandReport {
  const changes: string[] = [];
  const errors: string[] = [];
  for (const each of outcomesIn(text)) {
    const { outcome, guid, why } = each;
    const reason = why === undefined ? "" : `: ${why}`;
    const change = CHANGES.get(outcome);
    if (change !== undefined)
      changes.push(`${change} ${subjectOf(each)}${guid === undefined ? "" : `: ${guid}`}${reason}`);
    else if (outcome === "failed") errors.push(`${subjectOf(each)}${reason}`);
  }
  return { changes, errors };
}

type Outcome = Readonly<Record<string, unknown>>;

function outcomesIn(text: string): readonly Outcome[] {
  const document = fromJson(text);
  return isObject(document) ? [document.vfs ?? document.outcomes].flat().filter(isObject) : [];
}

/** Names the VF, and the attachment if there is one. */
function subjectOf({ pci, pod, containerId, ifname, path }: Outcome): string {
  const words = [
    containerId === undefined ? undefined : `attachment ${containerId}/${ifname}`,
    pod === undefined ? undefined : `pod ${pod}`,
    pci === undefined ? undefined : `VF ${pci}`,
  ].filter((word) => word !== undefined);
  return words.length === 0 ? String(path) : words.join(", ");
}

/**
 * Returns the error that a failed command has printed last on stderr, and the lines before it.
 * @param text the lines of stderr. Each message of a command begins with "ib-sriov: ", and an error of the installer with
 * "Error: ".
 */
export function readErrors(text: string): { readonly error: string; readonly others: readonly string[] } {
  const lines = linesOf(text);
  const begin = Math.max(
    lines.findLastIndex((line) => PREFIX.test(line)),
    0,
  );
  return { error: unprefixed(lines.slice(begin).join("\n")), others: lines.slice(0, begin).map(unprefixed) };
}

/** Reports whether a line is an error of the installer. */
export function isError(line: string): boolean {
  return line.startsWith("Error: ");
}

/** Returns the lines of a text, without empty ones, and without the prefix of messages. */
export function messagesIn(text: string): readonly string[] {
  return linesOf(text).map(unprefixed);
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

const PREFIX = /^(?:ib-sriov|Error): /;

function unprefixed(line: string): string {
  return line.replace(PREFIX, "");
}
