import type { Entry } from "./entry.ts";
import { formatTime } from "./format-time.ts";
import { LEVELS, PRIORITIES } from "./log-config.ts";

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
  "trace_id",
  "span_id",
] as const;

/** Returns an entry as a line of a log file: JSON, beginning with the time. Empty members are omitted. */
export function jsonLine(entry: Entry): string {
  const document: Record<string, unknown> = {
    time: formatTime(entry.time),
    level: entry.level,
    msg: entry.msg,
  };
  for (const name of texts) document[name] = entry[name] || undefined;
  const { ms, steps, warnings, others, error } = entry;
  const more = { warnings: unlessEmpty(warnings), others: unlessEmpty(others), error: documentOf(error) };
  const text = JSON.stringify({ ...document, ms, ...more });
  return steps === "" ? `${text}\n` : `${text.slice(0, -1)},"steps":${steps}}\n`;
}

function documentOf(error: Entry["error"]) {
  return error && { ...error, details: error.details || undefined };
}

/** JSON.stringify leaves out a member that is `undefined`. */
function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
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
    const text = entry[texts[i] as (typeof texts)[number]];
    fields += field(journalFields[i] as string, text.includes("\n") ? JSON.stringify(text) : text);
  }
  fields += field("CNI_MS=", JSON.stringify(entry.ms)) + field("CNI_STEPS=", entry.steps);
  fields += field("CNI_WARNINGS=", listJson(entry.warnings)) + field("CNI_OTHERS=", listJson(entry.others));
  return entry.error === undefined
    ? fields
    : `${fields}CNI_ERROR=${JSON.stringify(documentOf(entry.error))}\n`;
}

function listJson(list: readonly unknown[]): string {
  return list.length === 0 ? "" : JSON.stringify(list);
}

function field(name: string, text: string): string {
  return text === "" ? "" : `${name}${text}\n`;
}
