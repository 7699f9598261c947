import type { Command, Option } from "./command.ts";

/** Returns the help of the whole command line. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `A CNI plugin that gives containers InfiniBand SR-IOV VFs. A container runtime calls it with CNI_COMMAND;
administrators call it with the commands below.

Usage:
  ib-sriov COMMAND [options]
  ib-sriov COMMAND --help
  ib-sriov --version

Commands:
${lines.join("\n")}
`;
}

/** Returns the help of one command. */
export function usageOf({ name, parameters = [], summary, details, options }: Command): string {
  const call = ["ib-sriov", name, ...parameters, ...(options.length > 0 ? ["[options]"] : [])].join(" ");
  const all: readonly Option[] = [...options, { name: "help", summary: "prints this text" }];
  const named = all.map(
    (option) => `--${option.name}${option.value === undefined ? "" : ` ${option.value}`}`,
  );
  const width = Math.max(...named.map((text) => text.length));
  const lines = all.map((option, i) => `  ${(named[i] ?? "").padEnd(width)}  ${option.summary}`);
  const more = details === undefined ? "" : `\n${details}\n`;
  return `${summary}.\n${more}\nUsage:\n  ${call}\n\nOptions:\n${lines.join("\n")}\n`;
}
