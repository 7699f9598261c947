import type { LockHolder } from "../../node/files.ts";
import { parseLockContents } from "./lock-contents.ts";

/**
 * Describes the holder of a lock, and what the operator can do about it; completes "is busy: ".
 * @param text the text of the lock file.
 * @param holders the processes that hold the lock; empty if they are not visible.
 * @param now the present time, ms since 1970.
 */
export function holderText(text: string, holders: readonly LockHolder[], now: number): string {
  const note = parseLockContents(text).holder;
  const visible = listed(holders);
  if (note === undefined) return `held by ${visible || "a process"}, which the lock file does not describe`;
  const { pid, verb } = note;
  const seconds = Math.max(0, Math.round((now - note.since) / 1000));
  if (visible === "") {
    return `held by process ${pid} (${verb}), or by an IPAM plugin that it has started, for ${seconds} s`;
  }
  const others = holders.filter(({ pids }) => !pids.includes(pid));
  if (others.length < holders.length) {
    const children = others.length === 0 ? "" : `; it has started ${listed(others)}`;
    const stopped = holders.filter(({ isStopped }) => isStopped).map((each) => each.pid);
    const remedy =
      stopped.length === 0 ? "" : `; it is stopped, to continue it: kill -CONT ${stopped.join(" ")}`;
    return `held by process ${pid} (${verb}) for ${seconds} s${children}${remedy}`;
  }
  // An IPAM plugin inherits the lock, so that later calls wait for it even if the call that started it was killed.
  return (
    `held by ${visible}, left behind by process ${pid} (${verb}), which took the lock ${seconds} s ago and has ` +
    `ended; if it hangs, end it (kill -KILL ${holders.map((each) => each.pid).join(" ")})`
  );
}

function listed(holders: readonly LockHolder[]): string {
  return holders.map(({ pid, command }) => `process ${pid} (${command})`).join(", ");
}
