import { fromJson, isObject } from "../cni/document.ts";
import type { LockHolder } from "../node/files.ts";

/** What a call writes into the lock file that it holds. It stays there when the call is over. */
export interface HolderNote {
  /** In the pid namespace of the call. */
  readonly pid: number;
  /** E.g. "ADD of container c1". */
  readonly verb: string;
  /** ms since 1970. */
  readonly since: number;
}

/**
 * Who holds a lock, and what can be done about it; completes "is busy: ".
 * @param text of the lock file.
 * @param holders the processes that have it; empty where they cannot be seen.
 * @param now ms since 1970.
 */
export function heldBy(text: string, holders: readonly LockHolder[], now: number): string {
  const note = noteIn(text);
  const visible = listed(holders);
  if (note === undefined) return `held by ${visible || "a process"} that left no note`;
  const { pid, verb } = note;
  const seconds = Math.max(0, Math.round((now - note.since) / 1000));
  if (visible === "") {
    return `held by process ${pid} (${verb}), or by an IPAM plugin that it has started, for ${seconds} s`;
  }
  const others = holders.filter(({ pids }) => !pids.includes(pid));
  if (others.length < holders.length) {
    const children = others.length === 0 ? "" : `; it has started ${listed(others)}`;
    return `held by process ${pid} (${verb}) for ${seconds} s${children}`;
  }
  // An IPAM plugin inherits the lock, so that it is waited for also when the call that started it was killed.
  return (
    `held by ${visible}, left behind by process ${pid} (${verb}), which took the lock ${seconds} s ago and has ` +
    `ended; if it hangs, end it (kill -KILL ${holders.map((each) => each.pid).join(" ")})`
  );
}

function listed(holders: readonly LockHolder[]): string {
  return holders.map(({ pid, command }) => `process ${pid} (${command})`).join(", ");
}

function noteIn(text: string): HolderNote | undefined {
  const document = fromJson(text);
  const holder = isObject(document) ? document.holder : undefined;
  if (!isObject(holder)) return undefined;
  const { pid, verb, since } = holder;
  if (typeof pid !== "number" || typeof verb !== "string" || typeof since !== "number") return undefined;
  return { pid, verb, since };
}
