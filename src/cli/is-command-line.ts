/**
 * Reports whether the executable was called by the name of the Go plugin's installer. Then it acts as the installer,
 * even without the word "install".
 * @param program argv[0].
 */
export function isInstaller(program: string): boolean {
  return /(^|\/)thin_entrypoint$/.test(program);
}

/** Reports whether a call is for the command line. @param words argv. */
export function isCommandLine(words: readonly string[]): boolean {
  return words.length > 1 || isInstaller(words[0] ?? "");
}
