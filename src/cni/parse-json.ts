/** Maximum depth. The engine's stack has room for several times as many levels. */
const DEEPEST = 512;
/**
 * GC's list of 2,000 attachments, under both its names, has 8,000 members. So many colliding keys take 0.1 s, and no
 * configuration has as many or is nested this deep.
 */
const MOST_MEMBERS = 8192;

/**
 * Parses a JSON document from outside: stdin, the answer of a plugin, a file. The engine's own JSON.parse (quickjs
 * 2025-04-26) must not parse every document:
 * - Deep nesting: the parser calls itself for every level and does not check the stack (json_parse_value), so that some
 *   hundred kilobytes of "[" would end the process with SIGSEGV.
 * - Many members: keys become atoms, and objects shapes, in tables whose hash functions are public and have no seed
 *   (hash_string8, shape_hash). If their keys collide, n members take n * n steps: 1 MiB of them took 43 s. A seed does
 *   not help, because the image contains the filled tables. All members of a document count, because all objects share
 *   the tables.
 * @throws {SyntaxError} if the text is not JSON, is nested more than 512 levels deep, or has more than 8,192 members.
 */
export function parseJson(text: string): unknown {
  if (text.length > DEEPEST && mayExceedLimits(text)) refuseExcess(text);
  return JSON.parse(text);
}

/** Most documents are short, or have fewer brackets and colons than the limits, and need no closer look. */
function mayExceedLimits(text: string): boolean {
  return (
    occurrences(text, "[", DEEPEST) + occurrences(text, "{", DEEPEST) > DEEPEST ||
    (text.length > MOST_MEMBERS && occurrences(text, ":", MOST_MEMBERS) > MOST_MEMBERS)
  );
}

/** Returns how often a character occurs; counts no further than one more than `most`. */
function occurrences(text: string, character: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0 && count <= most; at = text.indexOf(character, at + 1))
    count++;
  return count;
}

/** Counts brackets and colons outside of strings. The parser refuses a text that is not JSON. */
function refuseExcess(text: string): void {
  let depth = 0;
  let members = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isInString && character === "\\") i++;
    else if (character === '"') isInString = !isInString;
    else if (isInString) continue;
    else if (character === "[" || character === "{") depth++;
    else if ((character === "]" || character === "}") && depth > 0) depth--;
    else if (character === ":") members++;
    if (depth > DEEPEST) throw new SyntaxError(`JSON is nested more than ${DEEPEST} levels deep`);
    if (members > MOST_MEMBERS) throw new SyntaxError(`JSON has more than ${MOST_MEMBERS} members`);
  }
}
