import type { Limits } from "../attachment/limits.ts";
import { linuxNode } from "../linux/node.ts";
import { LinuxInventory } from "../linux/pci/inventory.ts";
import { printMessage } from "../log/print-message.ts";
import type { Inventory } from "../node/inventory.ts";
import type { Node } from "../node/node.ts";
import { type CommandCall, type Option, UsageError } from "./command.ts";
import { observeProgress, ReportingPciFunctions } from "./progress.ts";

/** The machine on which a command works: the real one, or the model of a test. */
export interface CliContext {
  readonly node: Node;
  readonly inventory: Inventory;
}

/** Returns the context of the real machine. */
export function linuxContext(): CliContext {
  return {
    node: { ...linuxNode(), functions: new ReportingPciFunctions() },
    inventory: new LinuxInventory(),
  };
}

/** Default time limit of a command that changes something, s; it includes waiting for locks. */
const TIMEOUT = 60;
/** The longest time on the command line, s: a day. */
const LONGEST_TIME = 86_400;

/** The option of commands that wait, for {@link limitsOf}. */
export const timeoutOption: Option = {
  name: "timeout",
  value: "SECONDS",
  summary: `time limit, which includes waiting for other calls (default ${TIMEOUT})`,
};

/**
 * Returns the value of an option that is a time, s.
 * @throws {UsageError} if it is not a number of seconds.
 */
export function secondsOf({ options }: CommandCall, unless: number, option = "timeout"): number {
  const text = options.get(option) ?? String(unless);
  const seconds = Number(text);
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text) || seconds === 0 || seconds > LONGEST_TIME)
    throw new UsageError(`--${option} ${text} is not a number of seconds above 0, up to ${LONGEST_TIME}`);
  return seconds;
}

/**
 * Returns the limits of a command. Warnings go to stderr, and so does progress (progress.ts).
 * @throws {UsageError} if the value of --timeout is not a number of seconds.
 */
export function limitsOf(node: Node, call: CommandCall): Limits {
  return {
    deadline: node.clock.now() + secondsOf(call, TIMEOUT) * 1000,
    warn: printWarning,
    observe: observeProgress(node.files),
  };
}

/** Prints a warning on stderr. A stderr that is closed must not end a change of the node half-way. */
function printWarning(message: string): void {
  try {
    printMessage(message);
  } catch {
    // No reader exists.
  }
}
