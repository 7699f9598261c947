/** An option of a command. */
export interface Option {
  /** Without the dashes. */
  readonly name: string;
  /** What its value is called; undefined: it has none. */
  readonly value?: string;
  /** One line for the help. */
  readonly summary: string;
}

/** What a command is called with. */
export interface CommandCall {
  /** The words that are no options, in the order of {@link Command.parameters}. */
  readonly words: readonly string[];
  /** The value of each option that was given; "" where it has none. */
  readonly options: ReadonlyMap<string, string>;
}

/** One thing that a person can ask for. */
export interface Command {
  /** One word, or two. */
  readonly name: string;
  /** What the words behind the name are called; all of them are needed. */
  readonly parameters?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** More than that, for its own help. */
  readonly details?: string;
  readonly options: readonly Option[];
  /** @returns the exit status. */
  readonly run: (call: CommandCall) => number;
}

/** Arguments that cannot be understood. The message says which. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** For the commands that can tell the same in JSON. */
export const jsonOption: Option = { name: "json", summary: "JSON instead of text" };

/**
 * Reads the words behind a command's name: options anywhere, with their value behind "=" or in the next word, until "--".
 * @returns "help" where that is asked for.
 * @throws {UsageError}
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
