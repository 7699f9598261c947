// The face for people and containers: what is called with arguments and without CNI_COMMAND. It is a script of its
// own (scripts/bundle.mjs).
import { print } from "host";
import { install } from "./install.ts";
import { INSTALL_USAGE } from "./install-options.ts";

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
