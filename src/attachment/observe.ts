import type { AttachmentRecord } from "./record.ts";

/** What is done with a step; "wait": somebody else's work is waited for, as a lock or an IPAM plugin. */
export type Action = "apply" | "undo" | "verify" | "wait";

/**
 * Does a part of a call, and may note how long it took and whether it failed. What it returns and throws passes
 * through: an observer changes nothing.
 * @param what the step's name, or what is waited for, as "VF 0000:03:00.2" or "IPAM plugin host-local".
 * @param record the attachment that the step is for; undefined where something is waited for.
 */
export type Observe = <T>(
  action: Action,
  what: string,
  record: AttachmentRecord | undefined,
  act: () => T,
) => T;
