// The document docs/reference/cli.md.

/** Returns the document. @param cli what scripts/reference.mjs imports from src/cli */
export function markdown(cli) {
  const rows = cli.commands.map(({ name, summary }) => `| [\`${name}\`](#${anchor(name)}) | ${summary} |`);
  return `# Command line

<!-- Made from src/cli/commands.ts by \`make reference\`. -->

This page is for administrators who look up a command or an option.

The executable that the runtime calls has commands for administrators, which run as root. \`ib-sriov COMMAND --help\` prints
the same as this document, and \`make install\` installs man pages (\`man ib-sriov-list\`).

| command | meaning |
|---|---|
${rows.join("\n")}

\`ib-sriov --version\` prints version, commit and date. \`ib-sriov\` alone prints its version and the CNI versions.

${cli.commands.map((command) => section(cli, command)).join("\n")}`;
}

function section({ EXIT_STATUSES, optionsOf, optionText, synopsisOf }, command) {
  const { name, summary, details, alias, examples = [], exitStatuses = EXIT_STATUSES } = command;
  const options = optionsOf(command).map(
    (option) => `| \`${optionText(option).trim()}\` | ${cell(option.summary)} |`,
  );
  const statuses = exitStatuses.map(([status, meaning]) => `${status}: ${meaning}`);
  return [
    `## ${name}`,
    `${summary}.`,
    `\`${synopsisOf(command)}\``,
    ...(alias === undefined ? [] : [`\`ib-sriov ${alias}\` is the same.`]),
    ...(details === undefined ? [] : [details]),
    ["| option | meaning |", "|---|---|", ...options].join("\n"),
    ...(examples.length === 0 ? [] : [examplesTable(examples)]),
    `Exit status: ${statuses.join("; ")}.`,
  ]
    .map((paragraph) => `${paragraph}\n`)
    .join("\n");
}

function examplesTable(examples) {
  const rows = examples.map(([call, meaning]) => `| \`${cell(call)}\` | ${cell(meaning)} |`);
  return ["| example | meaning |", "|---|---|", ...rows].join("\n");
}

function anchor(name) {
  return name.replaceAll(" ", "-");
}

function cell(text) {
  return text.replaceAll("|", "\\|");
}
