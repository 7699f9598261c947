import { deferSignals, pendingSignal, poll, readLink } from "host";
import type { Clock } from "../../node/clock.ts";
import { errnoOf } from "../../node/node.ts";
import type { CommandCall } from "../command.ts";
import { changesText, type WatchedListing } from "./changes.ts";
import { formatOf, printListing } from "./listing.ts";
import { printLine } from "./text.ts";

/** Time between two reads, ms. */
const INTERVAL = 1000;

/**
 * Prints a listing, and then its changes, until a signal arrives or the program that reads stdout ends.
 * @param read reads the present state.
 * @returns the exit status.
 */
export function watchListing(call: CommandCall, clock: Clock, read: () => WatchedListing): number {
  deferSignals();
  const style = { hasHeadings: !call.options.has("no-headers") };
  // A wait for a pipe ends if the pipe has no reader any more. Other files can always be read, so that a wait for them
  // would end at once; a socket without a reader is noticed at the next change.
  const stdout = readLink("/proc/self/fd/1").startsWith("pipe:") ? 1 : -1;
  try {
    let before = read();
    printListing(call, before);
    while (waitUntil(clock.now() + INTERVAL, stdout)) {
      const now = read();
      const text = changesText(formatOf(call), style, before, now);
      if (text !== "") printLine(text);
      before = now;
    }
  } catch (error) {
    // A signal ends the command, also if it came while `read` waited.
    if (pendingSignal() === undefined) throw error;
  }
  return 0;
}

/**
 * Waits for a point in time.
 * @param stdout the descriptor of stdout if it is a pipe, otherwise -1.
 * @returns false if the wait has ended before, because a signal arrived or because the pipe has no reader.
 */
function waitUntil(deadline: number, stdout: number): boolean {
  if (pendingSignal() !== undefined) return false;
  try {
    poll(stdout, -1, deadline);
    return false;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ETIMEDOUT" && errno !== "EINTR") throw error;
    return errno === "ETIMEDOUT";
  }
}
