// The face for people and containers: what is called with arguments and without CNI_COMMAND.
import { print } from "host";
import { install } from "./install.ts";
import { INSTALL_USAGE } from "./install-options.ts";

/** Name of the reference's installer: under it, and with its flags alone, we are one too. */
const THIN_ENTRYPOINT = /(^|\/)thin_entrypoint$/;

/** Does a command line ask for something? @param words argv. */
export function isCommandLine(words: readonly string[]): boolean {
  return words.length > 1 || THIN_ENTRYPOINT.test(words[0] ?? "");
}

/**
 * Does what the command line asks for.
 * @param words argv.
 * @returns the exit status.
 */
export function answerCommandLine([, command, ...rest]: readonly string[]): number {
  if (command === "install") return install(rest);
  if (command === undefined) return install([]);
  if (command.startsWith("-")) return install([command, ...rest]);
  print(2, `unknown command: ${command}\n${INSTALL_USAGE}`);
  return 2;
}
