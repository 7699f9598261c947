import { fromJson, isObject, type JsonObject } from "../../cni/document.ts";
import { formatTime } from "../../log/format-time.ts";

/** A call of a runtime, from its log entry. A text that the entry does not have is "". */
export interface LoggedCall {
  /** The end of the call, e.g. "2026-11-24T21:46:04Z". */
  readonly time: string;
  /** CNI_COMMAND. */
  readonly command: string;
  readonly containerID: string;
  readonly ifname: string;
  readonly netns: string;
  /** Namespace and name of the pod. */
  readonly pod: string;
  readonly network: string;
  readonly vf: string;
  /** Duration, ms. */
  readonly ms: number | undefined;
  readonly warnings: readonly string[];
  /** `undefined` if the call succeeded. */
  readonly error: { readonly code: number; readonly msg: string; readonly details: string } | undefined;
}

/** The fields of a journal entry that {@link parseLoggedCall} reads, besides the time, which is always there. */
export const JOURNAL_FIELDS = [
  "COMMAND",
  "CONTAINERID",
  "IFNAME",
  "NETNS",
  "PODNAMESPACE",
  "PODNAME",
  "NETWORK",
  "VF",
  "MS",
  "WARNINGS",
  "ERROR",
].map((name) => `CNI_${name}`);

/**
 * Parses a line of a log file, or of `journalctl -o json`.
 * @returns `undefined` if the line is not a complete entry of this plugin.
 */
export function parseLoggedCall(line: string): LoggedCall | undefined {
  const entry = fromJson(line);
  if (!isObject(entry)) return undefined;
  const isJournal = "__REALTIME_TIMESTAMP" in entry;
  const time = isJournal ? journalTime(entry) : text(entry.time);
  const get = (name: string): unknown => entry[isJournal ? `CNI_${name.toUpperCase()}` : name];
  // The journal has these members as texts.
  const value = (name: string) => (isJournal ? fromJson(text(get(name))) : get(name));
  const command = text(get("command"));
  if (time === "" || command === "") return undefined;
  const [namespace, name] = [text(get("podNamespace")), text(get("podName"))];
  const [ms, warnings] = [value("ms"), value("warnings")];
  return {
    time,
    command,
    containerID: text(get("containerID")),
    ifname: text(get("ifname")),
    netns: text(get("netns")),
    pod: name === "" ? "" : `${namespace}/${name}`,
    network: text(get("network")),
    vf: text(get("vf")),
    ms: typeof ms === "number" ? ms : undefined,
    warnings: Array.isArray(warnings) ? warnings.map(text) : [],
    error: errorIn(value("error")),
  };
}

function errorIn(value: unknown): LoggedCall["error"] {
  if (!isObject(value) || typeof value.code !== "number") return undefined;
  return { code: value.code, msg: text(value.msg), details: text(value.details) };
}

/** Returns the time of a journal entry, which contains microseconds; "" if it is not a time. */
function journalTime({ __REALTIME_TIMESTAMP: microseconds }: JsonObject): string {
  try {
    return formatTime(Math.floor(Number(microseconds) / 1000));
  } catch {
    return "";
  }
}

/** Returns a text; "" for any other value. The journal has a list of bytes in the place of a text that is not UTF-8. */
function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
