import { parseRecord, unreadableIn } from "./codec.ts";
import { type GoCache, parseGoCache } from "./go-cache.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "./record.ts";
import type { Unreadable } from "./unreadable.ts";

/** The contents of a file of the state directory. */
export interface StoredRecord {
  readonly path: string;
  /** The record; `undefined` if the file contains no readable record. */
  readonly record: AttachmentRecord | undefined;
  /**
   * The Go plugin's cache, if the Go plugin has written the file; `undefined` otherwise. For a damaged record of
   * ib-sriov, the members in it that the Go plugin could read.
   */
  readonly goCache: GoCache | undefined;
  /** Why the record cannot be read; `undefined` if the file contains a readable record, or a cache of the Go plugin. */
  readonly unreadable: Unreadable | undefined;
}

/** Reads the text of a file. */
export function parseStored(text: string): Omit<StoredRecord, "path"> {
  const record = parseRecord(text);
  if (record !== undefined) return { record, goCache: undefined, unreadable: undefined };
  const unreadable = unreadableIn(text);
  // An older program must not use the parts of a later format that it can read: the later program may not expect that.
  if (unreadable?.kind === "later format") return { record, goCache: undefined, unreadable };
  const goCache = parseGoCache(text);
  const isOther = goCache !== undefined && unreadable === undefined;
  return { record, goCache, unreadable: isOther ? undefined : (unreadable ?? notARecord) };
}

const notARecord: Unreadable = { kind: "damaged", reason: "it holds no record" };

/** @throws the error of the file system, if it refused to read the file. */
export function requireRead(stored: StoredRecord | undefined): StoredRecord | undefined {
  if (stored?.unreadable?.kind === "not read") throw stored.unreadable.error;
  return stored;
}

/** Reports whether a file may belong to an attachment whose plain path it has; true for an unreadable file. */
export function mayBeOf({ record, goCache }: StoredRecord, name: AttachmentName): boolean {
  if (record !== undefined) return isNamed(record, name);
  // The Go plugin's cache contains only the interface; the file's name then gives the container.
  return goCache === undefined || goCache.ifname === "" || goCache.ifname === name.ifname;
}
