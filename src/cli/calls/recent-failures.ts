import { StateDirectory } from "../../attachment/record/state-directory.ts";
import { sumOf } from "../../log/counters.ts";
import type { Files } from "../../node/files.ts";
import type { CliContext } from "../context.ts";
import { colorize } from "../output/text.ts";
import { wrapLine } from "../output/wrap.ts";
import { type CallLog, readCallLog } from "./call-log.ts";
import type { LoggedCall } from "./logged-call.ts";

/** Calls that failed for the same reason. */
export interface RecentFailure
  extends Pick<LoggedCall, "command" | "pod" | "containerID" | "ifname" | "network" | "vf"> {
  readonly code: number;
  readonly msg: string;
  readonly details: string;
  /** Number of failed calls, and the end of the first and of the last of them. */
  readonly times: number;
  readonly first: string;
  readonly last: string;
}

/** The failures of a node. */
export interface RecentFailures extends Pick<CallLog, "sources" | "unread"> {
  /** From the logs of the last day, the newest first. */
  readonly failures: readonly RecentFailure[];
  /** Number of failures by verb and code since the first ADD on the node, from the counters. */
  readonly counted: readonly { readonly command: string; readonly code: string; readonly times: number }[];
}

/** Most failures that are shown. */
const SHOWN = 5;

/** Returns the calls that failed on a node lately, from the journal and log files. @param logFiles their paths. */
export function recentFailures(machine: CliContext, logFiles: readonly string[]): RecentFailures {
  const { calls, sources, unread } = readCallLog(machine, logFiles, "failed");
  return { failures: grouped(calls), counted: countedFailures(machine), sources, unread };
}

/** Counts calls that failed for the same reason. @param calls the newest first. */
export function grouped(calls: readonly LoggedCall[]): RecentFailure[] {
  const groups = new Map<string, RecentFailure>();
  for (const call of calls) {
    const { time, command, pod, containerID, ifname, network, vf, error } = call;
    if (error === undefined) continue;
    const key = JSON.stringify([
      command,
      pod || containerID,
      ifname,
      error.code,
      withoutNames(call, error.msg),
    ]);
    const known = groups.get(key);
    const failure = known ?? {
      ...{ command, pod, containerID, ifname, network, vf },
      ...error,
      times: 0,
      first: time,
      last: time,
    };
    groups.set(key, { ...failure, times: failure.times + 1, first: time });
  }
  return [...groups.values()];
}

/** Removes from a message the names that a pod's next sandbox does not have. */
function withoutNames({ containerID, netns }: LoggedCall, msg: string): string {
  return [containerID, netns].reduce((text, name) => (name === "" ? text : text.replaceAll(name, "…")), msg);
}

function countedFailures({ node }: CliContext): RecentFailures["counted"] {
  const counters = sumOf(countersText(node.files));
  return [...counters].flatMap(([name, [times = 0]]) => {
    const [, command = "", code = ""] = /^([A-Z]+) (\w+)$/.exec(name) ?? [];
    return command === "" ? [] : [{ command, code, times }];
  });
}

/** Returns the text of the counters. A state directory that cannot be read is a finding elsewhere. */
function countersText(files: Files): string {
  try {
    return new StateDirectory(files).countersText();
  } catch {
    return "";
  }
}

/**
 * Formats the failures as a section of text, with an empty line at the end; "" if no call has failed lately. If no log
 * can be read, the counters are shown instead.
 */
export function failuresText(recent: RecentFailures): string {
  const lines = failureLines(recent).flatMap((line) => wrapLine(`  ${line}`).map((each) => `${each}\n`));
  return lines.length === 0 ? "" : `${colorize("heading", "Recent failures")}\n${lines.join("")}\n`;
}

function failureLines({ failures, counted, sources, unread }: RecentFailures): string[] {
  if (failures.length > 0) {
    const more = failures.length - SHOWN;
    return [
      ...failures.slice(0, SHOWN).flatMap((failure) => [headingOf(failure), `    ${failure.msg}`]),
      ...(more > 0 ? [`and ${more} more, see 'ib-sriov doctor -o json'`] : []),
    ];
  }
  if (sources.length > 0 || counted.length === 0) return [];
  const numbers = counted.map(({ command, code, times }) => `${command} with code ${code}: ${times}`);
  return [
    `Failed calls since the first ADD on this node: ${numbers.join(", ")}`,
    ...unread.map((why) => `    ${why}`),
  ];
}

function headingOf({ command, pod, containerID, ifname, network, code, times, last }: RecentFailure): string {
  const whose = pod || containerID || network;
  const call = [command, ...(whose === "" ? [] : ["of", whose]), ifname]
    .filter((word) => word !== "")
    .join(" ");
  const often = times === 1 ? `failed at ${last}` : `failed ${times} times, the last time at ${last},`;
  return `${call} ${often} with code ${code}:`;
}
