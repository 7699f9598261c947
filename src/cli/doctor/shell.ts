/** Quotes a text as one word of a shell command. A container can choose names, and these must not become commands. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Returns a command for each row: a loop for several rows, "" for an empty list.
 * @param rows words of digits, letters, ".", ":", "-" and "_", which are not quoted.
 * @param command contains $1 and so on in the place of the words of a row.
 */
export function forEachRow(rows: readonly (readonly string[])[], command: string): string {
  const [row] = rows;
  if (row === undefined) return "";
  if (rows.length === 1) return command.replace(/\$(\d)/g, (_, number) => row[Number(number) - 1] ?? "");
  const words = rows.map((each) => (each.length === 1 ? each[0] : `'${each.join(" ")}'`));
  return `for each in ${words.join(" ")}; do set -- $each; ${command}; done`;
}

/**
 * Returns the command that rebinds a function.
 * @param pci PCI address, or the variable that contains it.
 * @param driver driver, or the variable that contains it.
 */
export function rebindCommand(pci: string, driver: string): string {
  const directory = `/sys/bus/pci/drivers/${driver}`;
  return `echo ${pci} >${directory}/unbind; echo ${pci} >${directory}/bind`;
}

/** Lists names for a sentence: the first few, and the number of the others. */
export function listed(names: readonly string[]): string {
  const shown = 4;
  const more = names.length - shown;
  return names.slice(0, shown).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
