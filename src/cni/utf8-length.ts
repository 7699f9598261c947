import { utf8Encode } from "host";

/**
 * Returns the length of a text in UTF-8, in bytes. A character that utf8Decode uses for an invalid byte counts as that
 * byte; any other half of a surrogate pair counts as U+FFFD, which has 3 bytes.
 */
export function utf8Length(text: string): number {
  return utf8Encode(text).length;
}
