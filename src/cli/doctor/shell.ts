/** A text as one word of a shell command: what a container has named must not become a command. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A command for each row, in a loop where there are several; "" where there is none.
 * @param rows words of digits, letters, ".", ":", "-" and "_": they are not quoted.
 * @param command has $1 and so on for the words of a row.
 */
export function forEachRow(rows: readonly (readonly string[])[], command: string): string {
  const [row] = rows;
  if (row === undefined) return "";
  if (rows.length === 1) return command.replace(/\$(\d)/g, (_, number) => row[Number(number) - 1] ?? "");
  const words = rows.map((each) => (each.length === 1 ? each[0] : `'${each.join(" ")}'`));
  return `for each in ${words.join(" ")}; do set -- $each; ${command}; done`;
}

/** The command that binds a function's driver anew. Words: what stands for its PCI address, and for its driver. */
export function rebindCommand(pci: string, driver: string): string {
  const directory = `/sys/bus/pci/drivers/${driver}`;
  return `echo ${pci} >${directory}/unbind; echo ${pci} >${directory}/bind`;
}

/** Names for a sentence: the first few of them, and how many more there are. */
export function listed(names: readonly string[]): string {
  const shown = 4;
  const more = names.length - shown;
  return names.slice(0, shown).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
