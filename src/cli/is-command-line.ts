/** Is it the name of the Go plugin's installer? Under it, and with its flags alone, we are one too. @param program argv[0]. */
export function isInstaller(program: string): boolean {
  return /(^|\/)thin_entrypoint$/.test(program);
}

/** Does a command line ask for something? @param words argv. */
export function isCommandLine(words: readonly string[]): boolean {
  return words.length > 1 || isInstaller(words[0] ?? "");
}
