// The command line: handles calls with arguments and without CNI_COMMAND. It is a separate script (scripts/bundle.mjs).
import { print } from "host";
import { messageOf } from "../cni/error-document.ts";
import { errnoOf } from "../node/node.ts";
import { gc } from "./attachments/gc.ts";
import { list } from "./attachments/list.ts";
import { releaseAttachment } from "./attachments/release.ts";
import { showAttachments } from "./attachments/show.ts";
import { type Command, parseArguments, UsageError } from "./command.ts";
import { completionOf } from "./completion.ts";
import { doctor } from "./doctor/doctor.ts";
import { install } from "./install/install.ts";
import { isInstaller } from "./is-command-line.ts";
import { metrics } from "./metrics/metrics.ts";
import { printLine } from "./output.ts";
import { provisionAll } from "./provision.ts";
import { overview, usageOf } from "./usage.ts";

/** All commands except the installer, which parses its arguments differently. */
const commands: readonly Command[] = [
  doctor,
  list,
  showAttachments,
  releaseAttachment,
  gc,
  provisionAll,
  metrics,
  completionOf(() => all()),
];
const installer = {
  name: "install",
  summary: "Copies this executable to the node's directory of CNI plugins",
};

/** Returns all commands, with the installer. */
function all(): Command[] {
  return [...commands, installer].map((each) => ({ options: [], run: () => 0, ...each }));
}

/**
 * Runs the command of a command line.
 * @param words argv.
 * @returns the exit status: 0, 1 if the command failed, 2 if the arguments are invalid.
 */
export function answerCommandLine([program = "", ...words]: readonly string[]): number {
  const [first = ""] = words;
  if (isInstaller(program)) return install(words);
  if (first === "install") return install(words.slice(1));
  try {
    if (["help", "--help", "-h"].includes(first)) {
      printLine(overview(all()));
      return 0;
    }
    const command = commands.find(({ name }) => name === words.slice(0, wordsIn(name)).join(" "));
    if (command === undefined) throw new UsageError(`unknown command: ${first}`);
    return run(command, words.slice(wordsIn(command.name)));
  } catch (error) {
    return failed(error);
  }
}

function run(command: Command, words: readonly string[]): number {
  const call = parseArguments(command, words);
  if (call !== "help") return command.run(call);
  printLine(usageOf(command));
  return 0;
}

function wordsIn(name: string): number {
  return name.split(" ").length;
}

function failed(error: unknown): number {
  // The reader of the output, such as head, has ended.
  if (errnoOf(error) === "EPIPE") return 0;
  const isUsage = error instanceof UsageError;
  print(2, `ib-sriov: ${messageOf(error)}\n${isUsage ? "Run 'ib-sriov --help' for usage.\n" : ""}`);
  return isUsage ? 2 : 1;
}
