import { StateDirectory } from "../attachment/record/state-directory.ts";
import { messageOf } from "../cni/error-document.ts";
import type { Node } from "../node/node.ts";
import { COUNTED, COUNTERS_BYTES, COUNTERS_PATIENCE, lineOf, summed } from "./counters.ts";
import { journalEntry, jsonLine, LINE_MARK } from "./encode.ts";
import { type EndedCall, type Ending, endingOf, entryOf } from "./entry.ts";
import { LEVELS, type LogConfig } from "./log-config.ts";

/**
 * What is left of a call that is over: an entry in the log, and one more in the counters. It never throws: a call that
 * has been answered must not fail any more.
 * @returns what was in the way of the entry, for whoever looks why there is none; undefined: nothing.
 */
export function writeLogEntry(node: Node, call: EndedCall, { level, file }: LogConfig): string | undefined {
  try {
    const ending = endingOf(node.clock, call);
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
 * Where there is no state directory nothing was ever attached, and nothing is counted; nor is a call that cannot have
 * the file in time. A call that does not wait is worth more than an exact number.
 */
function count(node: Node, { command, ms, steps, error }: Ending): void {
  try {
    const line = lineOf({ command, ms, steps, code: error?.code });
    const deadline = node.clock.now() + COUNTERS_PATIENCE;
    new StateDirectory(node.files).count(line, COUNTERS_BYTES, deadline, summed);
  } catch {
    // Not counted.
  }
}
