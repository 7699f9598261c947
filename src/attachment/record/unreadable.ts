import { messageOf } from "../../cni/error-document.ts";

/**
 * Why a record that exists cannot be read. It belongs to a running attachment: what cannot be read cannot say that the
 * attachment has ended.
 * - "damaged": it is cut off, too long, of another kind, or not what a record says. It stays like that.
 * - "later format": a later version of this program wrote it.
 * - "not read": the file system refused it (EACCES, EIO). The next time it may be read.
 */
export interface Unreadable {
  readonly kind: "damaged" | "later format" | "not read";
  /** A clause for messages: "it has format 2, …". */
  readonly reason: string;
  /** What reading it threw; `undefined` if its text was read. */
  readonly error?: unknown;
}

/** Returns what {@link Unreadable} says of a file that the file system refused. */
export function notRead(error: unknown): Unreadable {
  return { kind: "not read", reason: messageOf(error), error };
}
