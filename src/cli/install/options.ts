import { UsageError } from "../command.ts";

/** What the installer is asked to do. */
export interface InstallOptions {
  /** Directory that the executable is copied to, under the name of the plugin. */
  readonly directory: string;
  /** The executable; undefined: the one that runs. */
  readonly executable: string | undefined;
  /** Does it stay and look after its copy, or end? */
  readonly stay: boolean;
}

/** Where the reference's image has the node's directory mounted. */
const DIRECTORY = "/host/opt/cni/bin";

/** What `--help` prints. */
export const INSTALL_USAGE = `Copies the plugin into the node's directory of CNI plugins, stays, and restores it there where it is
missing or does not run. Ends at once on SIGTERM.

Usage:
  ib-sriov install [flags]

  --cni-bin-dir DIRECTORY       where the copy goes (default ${DIRECTORY})
  --ib-sriov-cni-bin-file FILE  what is copied (default: this executable)
  --no-sleep                    ends when it has copied
  --help                        this text
`;

/** As Go's strconv.ParseBool. */
const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/**
 * Reads flags as Go's package flag does, which those who start the reference's installer write them for: with one dash
 * or two, the value behind "=" or in the next argument, the last one counts.
 * @returns "help" where that is asked for.
 * @throws {UsageError}
 */
export function parseInstallOptions(words: readonly string[]): InstallOptions | "help" {
  let directory = DIRECTORY;
  let executable: string | undefined;
  let stay = true;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const [, name, , inline] = FLAG.exec(word) ?? [];
    if (word === "--" && i === words.length - 1) break;
    if (name === undefined) throw new UsageError(`unexpected argument: ${word}`);
    if (name === "help" || name === "h") return "help";
    if (name === "no-sleep") {
      if (inline !== undefined && !TRUE.includes(inline) && !FALSE.includes(inline))
        throw new UsageError(`invalid boolean value "${inline}" for -${name}`);
      stay = inline !== undefined && FALSE.includes(inline);
    } else if (name === "cni-bin-dir" || name === "ib-sriov-cni-bin-file") {
      const value = inline ?? words[++i];
      if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      if (name === "cni-bin-dir") directory = value;
      else executable = value;
    } else {
      throw new UsageError(`flag provided but not defined: -${name}`);
    }
  }
  return { directory, executable, stay };
}

const FLAG = /^--?([^-=][^=]*)(=([\s\S]*))?$/;
