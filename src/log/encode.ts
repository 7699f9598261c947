import { formatTime } from "host";
import { decimal } from "./decimal.ts";
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
  const time = formatTime(entry.time);
  let line = `${LINE_MARK}${time}","level":"${entry.level}","msg":${JSON.stringify(entry.msg)}`;
  for (const name of texts) if (entry[name] !== "") line += member(name, JSON.stringify(entry[name]));
  line += member("ms", decimal(entry.ms)) + member("steps", entry.steps);
  line += member("warnings", listJson(entry.warnings)) + member("others", listJson(entry.others));
  return `${line}${member("error", errorJson(entry.error))}}\n`;
}

function member(name: string, json: string): string {
  return json === "" ? "" : `,"${name}":${json}`;
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
    fields += field(journalFields[i] as string, inOneLine(entry[texts[i] as (typeof texts)[number]]));
  }
  fields += field("CNI_MS=", decimal(entry.ms)) + field("CNI_STEPS=", entry.steps);
  fields += field("CNI_WARNINGS=", listJson(entry.warnings)) + field("CNI_OTHERS=", listJson(entry.others));
  return fields + field("CNI_ERROR=", errorJson(entry.error));
}

function field(name: string, text: string): string {
  return text === "" ? "" : `${name}${text}\n`;
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
