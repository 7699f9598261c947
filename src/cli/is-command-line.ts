/**
 * Reports whether the executable was called by the name of the Go plugin's installer. Then it acts as the installer,
 * even without the word "install".
 * @param program argv[0].
 */
export function isInstaller(program: string): boolean {
  return /(^|\/)thin_entrypoint$/.test(program);
}

/** Variables that every runtime passes, even if it forgets CNI_COMMAND. */
const RUNTIME_VARIABLES = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];

/**
 * Reports whether a call without a CNI_COMMAND is for the command line: it has arguments, or it does not come from a
 * runtime.
 * @param words argv.
 */
export function isCommandLine(
  words: readonly string[],
  getenv: (name: string) => string | undefined,
): boolean {
  if (words.length > 1 || isInstaller(words[0] ?? "")) return true;
  return RUNTIME_VARIABLES.every((name) => getenv(name) === undefined);
}
