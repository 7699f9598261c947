// The man pages ib-sriov.8 and ib-sriov-COMMAND.8, with the macros of man(7).

/** Returns the pages: name of the file, and text. @param cli what scripts/reference.mjs imports from src/cli */
export function manPages(cli, build) {
  return [overviewPage(cli, build), ...cli.commands.map((command) => commandPage(cli, command, build))];
}

function overviewPage({ commands }, build) {
  const parts = [
    title("ib-sriov", build),
    name("ib-sriov", "CNI plugin for InfiniBand SR-IOV Virtual Functions"),
    ".SH SYNOPSIS",
    ".B ib-sriov",
    ".I COMMAND",
    "[options]",
    ".SH DESCRIPTION",
    text(
      "ib-sriov gives containers InfiniBand SR-IOV VFs. A container runtime calls it with the variable CNI_COMMAND. " +
        "Administrators call it, as root, with a command:",
    ),
    ...commands.flatMap((command) => item(`ib-sriov ${command.name}`, `${command.summary}.`)),
    ".SH FILES",
    ...item(
      "/var/lib/cni/ib-sriov",
      "the records of attachments, the locks of VFs and the counters of calls",
    ),
    ...item("/opt/cni/bin/ib-sriov", "the plugin, in the directory that most runtimes search"),
    seeAlso(commands.map(pageOf)),
  ];
  return ["ib-sriov.8", page(parts)];
}

function commandPage(cli, command, build) {
  const { EXIT_STATUSES, commands, optionsOf, optionText, synopsisOf } = cli;
  const { summary, details, alias, examples = [], exitStatuses = EXIT_STATUSES } = command;
  const own = pageOf(command);
  const parts = [
    title(own, build),
    name(own, summary.charAt(0).toLowerCase() + summary.slice(1)),
    ".SH SYNOPSIS",
    text(synopsisOf(command)),
    ...(alias === undefined ? [] : [".br", text(`ib-sriov ${alias} [options]`)]),
    ".SH DESCRIPTION",
    text(`${summary}.`),
    ...(details === undefined ? [] : details.split("\n\n").flatMap((paragraph) => [".PP", text(paragraph)])),
    ".SH OPTIONS",
    ...optionsOf(command).flatMap((option) => item(optionText(option).trim(), `${option.summary}.`)),
    ...(examples.length === 0 ? [] : [".SH EXAMPLES"]),
    ...examples.flatMap(([call, meaning]) => item(call, `${meaning}.`)),
    ".SH EXIT STATUS",
    ...exitStatuses.flatMap(([status, meaning]) => item(String(status), `${meaning}.`)),
    seeAlso(["ib-sriov", ...commands.map(pageOf).filter((each) => each !== own)]),
  ];
  return [`${own}.8`, page(parts)];
}

function pageOf(command) {
  return `ib-sriov-${command.name.replaceAll(" ", "-")}`;
}

function title(page, { version, date }) {
  return `.TH ${page.toUpperCase().replaceAll("-", "\\-")} 8 ${date} "ib\\-sriov ${version}" "System Administration"`;
}

function name(page, summary) {
  return `.SH NAME\n${text(page)} \\- ${text(summary)}`;
}

/** Returns a paragraph with a bold heading. */
function item(heading, body) {
  return [".TP", `.B ${text(heading)}`, text(body)];
}

function seeAlso(pages) {
  return `.SH SEE ALSO\n${pages.map((each) => `.BR ${text(each)} (8)`).join(",\n")}`;
}

/** Escapes a text for troff: backslashes, hyphens, and control characters at the beginning of a line. */
function text(words) {
  return words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .split("\n")
    .map((line) => line.trim().replace(/^([.'])/, "\\&$1"))
    .join("\n");
}

function page(parts) {
  return `${parts.join("\n")}\n`;
}
