import { UsageError } from "../command.ts";

/** The options of the installer. */
export interface InstallOptions {
  /** Directory that the executable is copied to, under the name of the plugin. */
  readonly directory: string;
  /** The executable to copy; `undefined` for the running executable. */
  readonly executable: string | undefined;
  /** Keep running, and restore the copy if necessary. */
  readonly stay: boolean;
  /** Only examine the copy, and change nothing. */
  readonly check: boolean;
}

/** Mount point of the node's directory in the image of the Go plugin. */
export const DEFAULT_DIRECTORY = "/host/opt/cni/bin";

/** The values that Go's strconv.ParseBool accepts. */
const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/**
 * Parses flags like Go's package flag, because the flags are written for the Go plugin's installer: with one dash or
 * two, the value after "=" or as the next argument; the last value counts.
 * @returns "help" if the arguments contain --help.
 * @throws {UsageError} if an argument is invalid.
 */
export function parseInstallOptions(words: readonly string[]): InstallOptions | "help" {
  let directory = DEFAULT_DIRECTORY;
  let executable: string | undefined;
  let stay = true;
  let check = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [, name, , inline] = FLAG.exec(word) ?? [];
    if (word === "--" && i === words.length - 1) break;
    if (name === undefined) throw new UsageError(`unexpected argument: ${word}`);
    if (name === "help" || name === "h") return "help";
    if (name === "no-sleep" || name === "check") {
      if (inline !== undefined && !TRUE.includes(inline) && !FALSE.includes(inline))
        throw new UsageError(`invalid boolean value "${inline}" for -${name}`);
      const isSet = inline === undefined || TRUE.includes(inline);
      if (name === "check") check = isSet;
      else stay = !isSet;
    } else if (name === "cni-bin-dir" || name === "ib-sriov-cni-bin-file") {
      const value = inline ?? words[++i];
      if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      if (name === "cni-bin-dir") directory = value;
      else executable = value;
    } else {
      throw new UsageError(`flag provided but not defined: -${name}`);
    }
  }
  return { directory, executable, stay, check };
}

const FLAG = /^--?([^-=][^=]*)(=([\s\S]*))?$/;
