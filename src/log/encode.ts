import { formatTime } from "host";
import type { Entry } from "./entry.ts";
import { LEVELS, PRIORITIES } from "./log-config.ts";
import type { StepTrace } from "./trace.ts";

/** The beginning of each line of a log file. A file that begins otherwise is not a log of this plugin. */
export const LINE_MARK = '{"time":"';

/** The text members of an entry, in the order of a line. */
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

/** Returns an entry as a line of a log file: JSON, beginning with the time. Empty members are omitted. */
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

/** The names of {@link texts} in the journal, with "=". */
const journalFields = texts.map((name) => `CNI_${name.toUpperCase()}=`);

/**
 * Returns an entry as a datagram to systemd's journal (its native protocol,
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one field in each line, such as CNI_CONTAINERID=c1. Values that are not
 * texts, and texts that contain a newline, are written as JSON. Empty members are omitted. The journal adds the time.
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

/**
 * Returns steps as a JSON list; "" if the list is empty. Every call does this for some ten steps, and JSON.stringify
 * takes twice as long.
 */
export function stepsJson(steps: readonly StepTrace[]): string {
  let json = "";
  for (const { step, action, ms, times, failed } of steps) {
    // The names of steps are plain words of this program. A wait can contain the name of a plugin, which needs
    // escaping.
    const name = action === "wait" ? JSON.stringify(step).slice(1, -1) : step;
    json += `,{"step":"${name}","action":"${action}","ms":${decimal(ms)}`;
    if (times !== undefined) json += `,"times":${times}`;
    if (failed !== undefined) json += `,"failed":${failed}`;
    json += "}";
  }
  return json && `[${json.slice(1)}]`;
}

/**
 * Formats a non-negative number with three decimals, or with no decimals if it is whole: for durations in ms,
 * microseconds are precise enough. The engine's own formatting of a fraction takes ten times as long.
 */
export function decimal(number: number): string {
  const thousandths = Math.round(number * 1000);
  const rest = thousandths % 1000;
  if (rest === 0) return `${thousandths / 1000}`;
  return `${(thousandths - rest) / 1000}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`;
}
