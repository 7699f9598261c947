import { build } from "host";
import { SUPPORTED_VERSIONS } from "../cni/versions.ts";
import type { Command, Option } from "./command.ts";

/** Returns what this program is: for a call without arguments, and for the help. */
export function about(): string {
  return `ib-sriov ${build.version}, a CNI plugin that gives containers InfiniBand SR-IOV VFs.
CNI versions: ${SUPPORTED_VERSIONS.join(", ")}
`;
}

/** Returns version, commit and date. */
export function versionText(): string {
  return `ib-sriov ${build.version} (commit ${build.commit}, ${build.date})`;
}

/** Returns the help of the whole command line. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `A CNI plugin that gives containers InfiniBand SR-IOV VFs. A container runtime calls it with CNI_COMMAND;
administrators call it with the commands below.

Usage:
  ib-sriov COMMAND [options]
  ib-sriov help COMMAND
  ib-sriov --version

Commands:
${lines.join("\n")}
`;
}

/** Returns a command's call, e.g. "ib-sriov attachments release CONTAINER INTERFACE [options]". */
export function synopsisOf({ name, parameters = [] }: Command): string {
  return ["ib-sriov", name, ...parameters, "[options]"].join(" ");
}

/** Returns all options of a command, with --help. */
export function optionsOf({ options }: Command): readonly Option[] {
  return [...options, { name: "help", letter: "h", summary: "prints this text" }];
}

/** Returns an option as the help shows it, e.g. "-o, --output FORMAT". */
export function optionText({ name, letter, value }: Option): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  return `${short}--${name}${value === undefined ? "" : ` ${value}`}`;
}

/** Returns the help of one command. */
export function usageOf(command: Command): string {
  const { summary, details, examples = [] } = command;
  const all = optionsOf(command);
  const width = Math.max(...all.map((option) => optionText(option).length));
  const lines = all.map((option) => `  ${optionText(option).padEnd(width)}  ${option.summary}`);
  const shown = examples.map(([call, meaning]) => `  ${call}\n      ${meaning}`);
  const parts = [
    `${summary}.`,
    ...(details === undefined ? [] : [details]),
    `Usage:\n  ${synopsisOf(command)}`,
    `Options:\n${lines.join("\n")}`,
    ...(shown.length === 0 ? [] : [`Examples:\n${shown.join("\n")}`]),
  ];
  return `${parts.join("\n\n")}\n`;
}
