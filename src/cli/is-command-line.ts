/** Name of the reference's installer: under it, and with its flags alone, we are one too. */
const THIN_ENTRYPOINT = /(^|\/)thin_entrypoint$/;

/** Does a command line ask for something? @param words argv. */
export function isCommandLine(words: readonly string[]): boolean {
  return words.length > 1 || THIN_ENTRYPOINT.test(words[0] ?? "");
}
