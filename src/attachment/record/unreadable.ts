import { messageOf } from "../../cni/error-document.ts";

/**
 * Why a record that exists cannot be read. It is treated as the record of a running attachment, because nothing shows
 * that the attachment has ended.
 * - "damaged": it is truncated, too long, not a regular file, or has invalid contents. This is permanent.
 * - "later format": a later version of this program wrote it.
 * - "not read": the file system refused it (EACCES, EIO). The next read may succeed.
 */
export interface Unreadable {
  readonly kind: "damaged" | "later format" | "not read";
  /** A clause for messages: "it has format 2, …". */
  readonly reason: string;
  /** The error of the read; `undefined` if the text was read. */
  readonly error?: unknown;
}

/** Returns the {@link Unreadable} of a file that the file system refused to read. */
export function refusedFile(error: unknown): Unreadable {
  return { kind: "not read", reason: messageOf(error), error };
}
