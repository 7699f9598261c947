/** An option of a command. */
export interface Option {
  /** Without the dashes. */
  readonly name: string;
  /** Name of its value in the help; `undefined` if the option takes no value. */
  readonly value?: string;
  /** One line for the help. */
  readonly summary: string;
}

/** The parsed arguments of a command. */
export interface CommandCall {
  /** The arguments that are not options, in the order of {@link Command.parameters}. */
  readonly words: readonly string[];
  /** The values of the options that were passed; "" for an option without a value. */
  readonly options: ReadonlyMap<string, string>;
}

/** A command of the command line. */
export interface Command {
  /** One or two words. */
  readonly name: string;
  /** Names of the arguments after the command's name; all of them are required. */
  readonly parameters?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** More text, for the command's own help. */
  readonly details?: string;
  readonly options: readonly Option[];
  /** Runs the command. Returns the exit status. */
  readonly run: (call: CommandCall) => number;
}

/** An argument is invalid. The message names it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The option of commands that can also print JSON. */
export const jsonOption: Option = { name: "json", summary: "prints JSON instead of text" };

/**
 * Parses the arguments after a command's name. Options can be anywhere before "--"; a value follows after "=" or as the
 * next argument.
 * @returns "help" if the arguments contain --help.
 * @throws {UsageError} if an argument is invalid.
 */
export function parseArguments(command: Command, words: readonly string[]): CommandCall | "help" {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") {
      rest.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    if (word === "--help" || word === "-h") return "help";
    const [name = "", ...values] = word.replace(/^--/, "").split("=");
    const option = command.options.find((each) => each.name === name);
    if (option === undefined || !word.startsWith("--")) throw new UsageError(`unknown option: ${word}`);
    const inline = values.length === 0 ? undefined : values.join("=");
    if (option.value === undefined && inline !== undefined) throw new UsageError(`--${name} takes no value`);
    const value = option.value === undefined ? "" : (inline ?? words[++i]);
    if (value === undefined) throw new UsageError(`--${name} needs a value: ${option.value}`);
    options.set(name, value);
  }
  const { parameters = [] } = command;
  const missing = parameters[rest.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = rest[parameters.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument: ${extra}`);
  return { words: rest, options };
}
