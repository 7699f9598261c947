import { utf8Encode } from "host";

/**
 * Returns how many bytes a text has in UTF-8. What stands for a byte that is no UTF-8 (see utf8Decode) counts as that byte,
 * any other half of a surrogate pair as U+FFFD: 3.
 */
export function utf8Length(text: string): number {
  return utf8Encode(text).length;
}
