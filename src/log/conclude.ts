import { StateDirectory } from "../attachment/state-directory.ts";
import { messageOf } from "../cni/error-document.ts";
import type { Node } from "../node/node.ts";
import { COUNTED, COUNTERS_BYTES, counted } from "./counters.ts";
import { journalEntry, jsonLine, LINE_MARK } from "./encode.ts";
import { type EndedCall, type Entry, entryOf, levelOf } from "./entry.ts";
import { LEVELS } from "./level.ts";
import type { LogConfig } from "./log-config.ts";

/** How long the file of the counters is waited for, ms: others have it for the time of two system calls. */
const patience = 20;

/**
 * What is left of a call that is over: an entry in the log, and one more in the counters. It never throws: a call that
 * has been answered must not fail any more.
 * @returns what was in the way of the entry, for whoever looks why there is none; undefined: nothing.
 */
export function conclude(node: Node, call: EndedCall, { level, file }: LogConfig): string | undefined {
  try {
    const isLogged = LEVELS.indexOf(levelOf(call)) <= LEVELS.indexOf(level);
    const isCounted = COUNTED.includes(call.getenv("CNI_COMMAND") ?? "");
    if (!isLogged && !isCounted) return undefined;
    const entry = entryOf(node.clock, call);
    if (isCounted) count(node, entry);
    if (!isLogged) return undefined;
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
function count(node: Node, { command, ms, steps, error }: Entry): void {
  try {
    const file = new StateDirectory(node.files).counters(COUNTERS_BYTES);
    try {
      file.acquire(node.clock.now() + patience);
      file.write(counted(file.read(), { command, ms, steps, code: error?.code }));
    } finally {
      file.release();
    }
  } catch {
    // Not counted.
  }
}
