import { StateDirectory } from "../attachment/record/state-directory.ts";
import { messageOf } from "../cni/error-document.ts";
import type { Node } from "../node/node.ts";
import { COUNTED, COUNTERS_BYTES, COUNTERS_LOCK_TIMEOUT, lineOf, summed } from "./counters.ts";
import { journalEntry, jsonLine, LINE_MARK } from "./encode.ts";
import { type CallOutcome, entryOf, type FinishedCall, outcomeOf } from "./entry.ts";
import { LEVELS, type LogConfig } from "./log-config.ts";

/**
 * Writes the log entry of a call that has ended, and counts the call. Never throws: a call that has been answered must
 * not fail.
 * @returns the reason why the entry could not be written; `undefined` if it was written, or is not to be written.
 */
export function writeLogEntry(
  node: Node,
  call: FinishedCall,
  { level, file }: LogConfig,
): string | undefined {
  try {
    const ending = outcomeOf(node.clock, call);
    if (COUNTED.includes(ending.command)) count(node, ending);
    if (LEVELS.indexOf(ending.level) > LEVELS.indexOf(level)) return undefined;
    const entry = entryOf(node.clock, call, ending);
    if (file === undefined) node.logs.send(journalEntry(entry));
    else node.logs.append(file, jsonLine(entry), LINE_MARK);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Counts a call. Without a state directory, nothing was ever attached, and the call is not counted. Neither is a call
 * that cannot lock the file in time: a short wait is worth more than an exact number.
 */
function count(node: Node, { command, ms, steps, error }: CallOutcome): void {
  try {
    const line = lineOf({ command, ms, steps, code: error?.code });
    const deadline = node.clock.now() + COUNTERS_LOCK_TIMEOUT;
    new StateDirectory(node.files).count(line, COUNTERS_BYTES, deadline, summed);
  } catch {
    // The call is not counted.
  }
}
