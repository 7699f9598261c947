import type { Entry } from "./entry.ts";
import { LEVELS, PRIORITIES } from "./level.ts";

/** How every line of a log file begins; a file that begins otherwise is not ours. */
export const LINE_MARK = '{"time":"';

/** The members that are texts, in their order. */
const texts = [
  "command",
  "containerID",
  "ifname",
  "netns",
  "podNamespace",
  "podName",
  "network",
  "vf",
  "guid",
] as const;

/** The entry as a line of a log file: JSON, the time first. What is nothing is left out. */
export function jsonLine(entry: Entry): string {
  let line = `${LINE_MARK}${entry.time}","level":"${entry.level}","msg":${JSON.stringify(entry.msg)}`;
  for (const name of texts) if (entry[name] !== "") line += `,"${name}":${JSON.stringify(entry[name])}`;
  for (const [name, json] of others(entry)) if (json !== "") line += `,"${name}":${json}`;
  return `${line}}\n`;
}

/** What they are called in the journal, and what follows that. */
const journalFields = texts.map((name) => `CNI_${name.toUpperCase()}=`);

/**
 * The entry as a datagram to systemd's journal (its native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a
 * field in each line, as CNI_CONTAINERID=c1. What is no text is JSON, and so is a text with a newline in it. What is
 * nothing is left out. The journal has a clock of its own.
 */
export function journalEntry(entry: Entry): string {
  const priority = PRIORITIES[LEVELS.indexOf(entry.level)];
  let fields = `MESSAGE=${entry.msg}\nPRIORITY=${priority}\nSYSLOG_IDENTIFIER=ib-sriov\n`;
  for (let i = 0; i < texts.length; i++) {
    const text = entry[texts[i] as (typeof texts)[number]];
    if (text !== "") fields += `${journalFields[i]}${inOneLine(text)}\n`;
  }
  for (const [name, json] of others(entry)) if (json !== "") fields += `CNI_${name.toUpperCase()}=${json}\n`;
  return fields;
}

/** The members that are no texts, as JSON, in their order. */
function others(entry: Entry): readonly (readonly [name: string, json: string])[] {
  return [
    ["ms", `${entry.ms}`],
    ["steps", entry.steps],
    ["warnings", listJson(entry.warnings)],
    ["others", listJson(entry.others)],
    ["error", errorJson(entry.error)],
  ];
}

function inOneLine(text: string): string {
  return text.includes("\n") ? JSON.stringify(text) : text;
}

function listJson(list: readonly string[]): string {
  return list.length === 0 ? "" : JSON.stringify(list);
}

function errorJson(error: Entry["error"]): string {
  return error === undefined ? "" : JSON.stringify({ ...error, details: error.details || undefined });
}
