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
  const add = (name: string, json: string) => {
    if (json !== "") line += `,"${name}":${json}`;
  };
  for (const name of texts) add(name, entry[name] && JSON.stringify(entry[name]));
  add("ms", `${entry.ms}`);
  add("steps", entry.steps);
  add("warnings", listJson(entry.warnings));
  add("others", listJson(entry.others));
  add("error", errorJson(entry.error));
  return `${line}}\n`;
}

/**
 * The entry as a datagram to systemd's journal (its native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a
 * field in each line, as CNI_CONTAINERID=c1. What is no text is JSON, and so is a text with a newline in it. What is
 * nothing is left out. The journal has a clock of its own.
 */
export function journalEntry(entry: Entry): string {
  const priority = PRIORITIES[LEVELS.indexOf(entry.level)];
  return (
    `MESSAGE=${entry.msg}\nPRIORITY=${priority}\nSYSLOG_IDENTIFIER=ib-sriov\n` +
    textField("COMMAND", entry.command) +
    textField("CONTAINERID", entry.containerID) +
    textField("IFNAME", entry.ifname) +
    textField("NETNS", entry.netns) +
    textField("PODNAMESPACE", entry.podNamespace) +
    textField("PODNAME", entry.podName) +
    textField("NETWORK", entry.network) +
    textField("VF", entry.vf) +
    textField("GUID", entry.guid) +
    field("MS", `${entry.ms}`) +
    field("STEPS", entry.steps) +
    field("WARNINGS", listJson(entry.warnings)) +
    field("OTHERS", listJson(entry.others)) +
    field("ERROR", errorJson(entry.error))
  );
}

function textField(name: string, text: string): string {
  return field(name, text.includes("\n") ? JSON.stringify(text) : text);
}

function field(name: string, value: string): string {
  return value === "" ? "" : `CNI_${name}=${value}\n`;
}

function listJson(list: readonly string[]): string {
  return list.length === 0 ? "" : JSON.stringify(list);
}

function errorJson(error: Entry["error"]): string {
  return error === undefined ? "" : JSON.stringify({ ...error, details: error.details || undefined });
}
