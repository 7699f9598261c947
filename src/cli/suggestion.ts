/** The largest number of edits between a word and a suggestion. */
const MOST_EDITS = 2;

/**
 * Completes the message about an unknown word: "; did you mean 'list'?".
 * @returns "" if no known word is similar.
 */
export function suggestionFor(word: string, known: readonly string[]): string {
  let nearest: string | undefined;
  let fewest = MOST_EDITS + 1;
  for (const each of known) {
    const edits = editsBetween(word, each);
    // With as many edits as letters, any word would be similar.
    if (edits < fewest && edits < each.length) [nearest, fewest] = [each, edits];
  }
  return nearest === undefined ? "" : `; did you mean '${nearest}'?`;
}

/**
 * Returns how many letters must be inserted, removed, replaced, or exchanged with their neighbor (optimal string alignment).
 */
export function editsBetween(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const at = (up: number, left: number) => (up === 0 ? row : rows[i - up])?.[j - left] ?? 0;
      const isSame = one[i - 1] === other[j - 1];
      const isExchanged = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const edits = [at(1, 0) + 1, at(0, 1) + 1, at(1, 1) + (isSame ? 0 : 1)];
      row.push(Math.min(...edits, ...(isExchanged ? [at(2, 2) + 1] : [])));
    }
    rows.push(row);
  }
  return rows[one.length]?.[other.length] ?? 0;
}
