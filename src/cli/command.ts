import { suggestionFor } from "./suggestion.ts";

/** An option of a command. */
export interface Option {
  /** Without the dashes. */
  readonly name: string;
  /** The letter of its short form, without the dash. */
  readonly letter?: string;
  /** Name of its value in the help; `undefined` if the option takes no value. */
  readonly value?: string;
  /** The only values that it takes; any value if it is missing. */
  readonly values?: readonly string[];
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
  /** A shorter name. */
  readonly alias?: string;
  /**
   * Names of the arguments after the command's name, e.g. "CONTAINER". Optional ones come last, in brackets: "[FILE]";
   * "[VF…]" stands for any number of arguments, "VF…" for at least one.
   */
  readonly parameters?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** More text, for the command's own help. Paragraphs are separated by an empty line. */
  readonly details?: string;
  /** Calls of the command and their meaning, for its own help. */
  readonly examples?: readonly (readonly [call: string, meaning: string])[];
  readonly options: readonly Option[];
  /** The exit status if {@link run} throws; default 1. */
  readonly failure?: number;
  /** Exit statuses and their meaning, for the help; default {@link EXIT_STATUSES}. */
  readonly exitStatuses?: readonly ExitStatus[];
  /** Runs the command. Returns the exit status. */
  readonly run: (call: CommandCall) => number;
}

/** An exit status and its meaning. */
export type ExitStatus = readonly [status: number, meaning: string];

/** The exit statuses of commands that have no others. */
export const EXIT_STATUSES: readonly ExitStatus[] = [
  [0, "success"],
  [1, "something failed; stderr contains the reason"],
  [2, "an argument is invalid"],
];

/** An argument is invalid. The message names it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Parses the arguments after a command's name. Options can be anywhere before "--"; a value follows after "=" or as the
 * next argument, and can also follow a short option directly: "-fFILE".
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
    const { option, inline } = optionIn(command, word);
    const called = word.startsWith("--") ? `--${option.name}` : `-${option.letter}`;
    if (option.value === undefined && inline !== undefined) throw new UsageError(`${called} takes no value`);
    const value = option.value === undefined ? "" : (inline ?? words[++i]);
    if (value === undefined) throw new UsageError(`${called} needs a value: ${option.value}`);
    const { values } = option;
    if (values !== undefined && !values.includes(value))
      throw new UsageError(
        `invalid value of ${called}: ${value}; expected ${values.join(", ")}${suggestionFor(value, values)}`,
      );
    options.set(option.name, value);
  }
  requireWords(command, rest);
  return { words: rest, options };
}

/** Returns the option that a word names, and the value in the same word. */
function optionIn(
  { options }: Command,
  word: string,
): { readonly option: Option; readonly inline: string | undefined } {
  if (!word.startsWith("--")) {
    const option = options.find(({ letter }) => letter === word[1]);
    if (option === undefined) throw new UsageError(`unknown option: ${word}`);
    return { option, inline: word.length > 2 ? word.slice(2).replace(/^=/, "") : undefined };
  }
  const [name = "", ...values] = word.slice(2).split("=");
  const option = options.find((each) => each.name === name);
  if (option === undefined) {
    const known = [...options.map((each) => `--${each.name}`), "--help"];
    throw new UsageError(`unknown option: ${word}${suggestionFor(`--${name}`, known)}`);
  }
  return { option, inline: values.length === 0 ? undefined : values.join("=") };
}

function requireWords({ parameters = [] }: Command, words: readonly string[]): void {
  const missing = parameters[words.length];
  if (missing !== undefined && !missing.startsWith("[")) throw new UsageError(`${missing} is missing`);
  const extra = words[parameters.length];
  if (extra !== undefined && !/…\]?$/.test(parameters.at(-1) ?? ""))
    throw new UsageError(`unexpected argument: ${extra}`);
}
