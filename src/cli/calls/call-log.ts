import { shellWord } from "../../attachment/shell-word.ts";
import type { CliContext } from "../context.ts";
import { runScript } from "../run-script.ts";
import { JOURNAL_FIELDS, type LoggedCall, parseLoggedCall } from "./logged-call.ts";

/** Which entries are read: those of failed calls, or those of one pod. */
export type LogFilter = "failed" | { readonly namespace: string; readonly name: string };

/** Entries of the logs of a node. */
export interface CallLog {
  /** The newest first. */
  readonly calls: readonly LoggedCall[];
  /** The logs that were read: "journal", and paths of files. */
  readonly sources: readonly string[];
  /** The logs that could not be read, with the reason, a sentence each. */
  readonly unread: readonly string[];
}

/** Most entries that are read from each log, and most bytes of their text. */
const MOST_ENTRIES = 300;
const MOST_BYTES = 600_000;
/** Time limit for a log, ms. A journal of many days on a slow disk takes seconds. */
const READ_TIME = 5000;
/** Time of the journal's oldest entries that are read. */
const SINCE = "-1d";

/**
 * Reads the newest entries from the journal, by journalctl, and from log files.
 * @param files paths of log files.
 */
export function readCallLog({ node }: CliContext, files: readonly string[], filter: LogFilter): CallLog {
  const scripts = [
    { source: "journal", script: journalScript(filter) },
    ...files
      .filter((file) => node.files.exists(file))
      .map((file) => ({ source: file, script: fileScript(file, filter) })),
  ];
  const calls: LoggedCall[] = [];
  const sources: string[] = [];
  const unread: string[] = [];
  for (const { source, script } of scripts) {
    const { output, failure } = runScript(node, script, READ_TIME);
    if (failure === undefined) {
      sources.push(source);
      calls.push(...output.split("\n").flatMap((line) => parseLoggedCall(line) ?? []));
    } else unread.push(`${source}: ${failure}`);
  }
  // The sort is stable, and the last entry of a log is the newest.
  calls.reverse().sort((one, other) => (one.time < other.time ? 1 : one.time > other.time ? -1 : 0));
  return { calls, sources, unread };
}

function journalScript(filter: LogFilter): string {
  const which =
    filter === "failed"
      ? `-p err --since=${SINCE}`
      : [`CNI_PODNAMESPACE=${filter.namespace}`, `CNI_PODNAME=${filter.name}`].map(shellWord).join(" ");
  return `command -v journalctl >/dev/null || { echo "journalctl is not installed" >&2; exit 1; }
log=$(journalctl --no-pager -q -t ib-sriov -n ${MOST_ENTRIES} -a -o json --output-fields=${JOURNAL_FIELDS.join()} ${which}) || exit 1
printf '%s\\n' "$log" | tail -c ${MOST_BYTES}`;
}

function fileScript(file: string, filter: LogFilter): string {
  const pattern =
    filter === "failed"
      ? '-E \'"level":"(error|panic)"\''
      : `-F ${shellWord(`"podNamespace":${JSON.stringify(filter.namespace)},"podName":${JSON.stringify(filter.name)}`)}`;
  const [old, present] = [`${file}.1`, file].map(shellWord);
  return `[ -r ${present} ] || { echo "permission denied" >&2; exit 1; }
{ [ ! -e ${old} ] || cat ${old}; cat ${present}; } | grep -h ${pattern} | tail -n ${MOST_ENTRIES} | tail -c ${MOST_BYTES}`;
}
