import { build } from "host";
import { SUPPORTED_VERSIONS } from "../cni/versions.ts";
import type { Command, Option } from "./command.ts";
import { outputWidth, wrapLine, wrapText } from "./output/wrap.ts";

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
  const { summary, details = "", examples = [], exitStatuses = [] } = command;
  const options = optionsOf(command).map((option) => [optionText(option), option.summary] as const);
  const paragraphs = details.split("\n\n").filter((paragraph) => paragraph !== "");
  const shown = examples.flatMap(([call, meaning]) => [`  ${call}`, ...wrapLine(`      ${meaning}`)]);
  const statuses = exitStatuses.map(([status, meaning]) => [String(status), meaning] as const);
  const parts = [
    `${summary}.`,
    ...paragraphs.map((paragraph) => wrapText(paragraph.replaceAll("\n", " "), outputWidth()).join("\n")),
    `Usage:\n  ${synopsisOf(command)}`,
    `Options:\n${definitions(options)}`,
    ...(shown.length === 0 ? [] : [`Examples:\n${shown.join("\n")}`]),
    ...(statuses.length === 0 ? [] : [`Exit status:\n${definitions(statuses)}`]),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Formats names and their meanings in two columns. A meaning that is too long continues in its column. */
function definitions(rows: readonly (readonly [name: string, meaning: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const indent = " ".repeat(width + 4);
  return rows
    .map(([name, meaning]) => {
      const lines = wrapText(meaning, outputWidth() - indent.length);
      return `  ${name.padEnd(width)}  ${lines.join(`\n${indent}`)}`;
    })
    .join("\n");
}
