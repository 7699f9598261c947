import type { Entry } from "./entry.ts";
import { LEVELS, PRIORITIES } from "./level.ts";

/** How every line of a log file begins; a file that begins otherwise is not ours. */
export const LINE_MARK = '{"time":"';

/** The entry as a line of a log file: JSON, the time first. */
export function jsonLine(entry: Entry): string {
  return `${JSON.stringify(entry, (_, value) => (isNothing(value) ? undefined : value))}\n`;
}

/**
 * The entry as a datagram to systemd's journal (its native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a
 * field in each line, as CNI_CONTAINERID=c1. What is no text is JSON, and so is a text with a newline in it. The journal
 * has a clock of its own.
 */
export function journalEntry({ time: _, level, msg, ...members }: Entry): string {
  const fields = [
    `MESSAGE=${msg}`,
    `PRIORITY=${PRIORITIES[LEVELS.indexOf(level)]}`,
    "SYSLOG_IDENTIFIER=ib-sriov",
  ];
  for (const [name, value] of Object.entries(members)) {
    if (isNothing(value)) continue;
    const isLine = typeof value === "string" && !value.includes("\n");
    fields.push(`CNI_${name.toUpperCase()}=${isLine ? value : JSON.stringify(value)}`);
  }
  return `${fields.join("\n")}\n`;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}
