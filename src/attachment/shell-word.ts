/** Quotes a text as one word of a shell command. A container can choose names, and these must not become commands. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
