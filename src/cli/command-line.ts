// The command line: handles calls without CNI_COMMAND. It is a separate script (scripts/bundle.mjs).
import { messageOf } from "../cni/error-document.ts";
import { printMessage } from "../log/print-message.ts";
import { endWithParent } from "./agent/parent.ts";
import { type Command, parseArguments, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { installer } from "./install/install.ts";
import { isInstaller } from "./is-command-line.ts";
import { isReaderGone } from "./output/listing.ts";
import { printLine } from "./output/text.ts";
import { suggestionFor } from "./suggestion.ts";
import { about, overview, usageOf, versionText } from "./usage.ts";

/** The exit status of a call with invalid arguments, for all commands. */
const INVALID_USAGE = 2;
/** Words that ask for help in the place of a command. */
const HELP = ["help", "--help", "-h"];

/**
 * Runs the command of a command line.
 * @param words argv.
 * @returns the exit status: 0, 1 if the command failed, 2 if the arguments are invalid; `doctor` has more.
 */
export function answerCommandLine([program = "", ...args]: readonly string[]): number {
  const words = endWithParent(args);
  const [first] = words;
  if (isInstaller(program)) return runInstaller(words);
  if (first === "install") return runInstaller(words.slice(1));
  let command: Command | undefined;
  try {
    if (first === undefined) printLine(`${about()}\nRun 'ib-sriov help' for the commands.`);
    else if (HELP.includes(first)) printLine(helpFor(words.slice(1)).trimEnd());
    else if (first === "version") printLine(versionText());
    else {
      const found = commandAt(words);
      command = found.command;
      return run(command, found.rest);
    }
    return 0;
  } catch (error) {
    return failed(error, command);
  }
}

/** Runs the installer, which has other rules for its flags, those of the Go plugin's installer. */
function runInstaller(words: readonly string[]): number {
  return installer.run({ words, options: new Map() });
}

function helpFor(words: readonly string[]): string {
  return words.length === 0 ? overview(commands) : usageOf(commandAt(words).command);
}

/**
 * Returns the command whose name the first words are, and the other words.
 * @throws {UsageError} if no command has this name.
 */
function commandAt(words: readonly string[]) {
  const [first = "", second = ""] = words;
  const both = `${first} ${second}`;
  const long = commands.find(({ name }) => name === both);
  if (long !== undefined) return { command: long, rest: words.slice(2) };
  const short = commands.find(({ name, alias }) => name === first || alias === first);
  const known = [...commands.map(({ name }) => name), "help", "version"];
  // After the alias "attachments", another word can only be a misspelled "show" or "release".
  if (short?.alias === first && second !== "" && !second.startsWith("-"))
    throw new UsageError(`unknown command: ${both}${suggestionFor(both, known)}`);
  if (short !== undefined) return { command: short, rest: words.slice(1) };
  const suggestion = suggestionFor(both, known) || suggestionFor(first, known);
  throw new UsageError(`unknown command: ${first}${suggestion}`);
}

function run(command: Command, words: readonly string[]): number {
  const call = parseArguments(command, words);
  if (call !== "help") return command.run(call);
  printLine(usageOf(command).trimEnd());
  return 0;
}

function failed(error: unknown, command: Command | undefined): number {
  if (isReaderGone(error)) return 0;
  const isUsage = error instanceof UsageError;
  const help = command === undefined ? "ib-sriov --help" : `ib-sriov ${command.name} --help`;
  try {
    printMessage(`${messageOf(error)}${isUsage ? `\nRun '${help}' for usage.` : ""}`);
  } catch {
    // The exit status shows the failure, too.
  }
  return isUsage ? INVALID_USAGE : (command?.failure ?? 1);
}
