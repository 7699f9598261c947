import { utf8Encode } from "host";

/** Bytes that a text has in UTF-8. Half a surrogate pair counts as U+FFFD: 3. */
export function utf8Length(text: string): number {
  return utf8Encode(text).length;
}
