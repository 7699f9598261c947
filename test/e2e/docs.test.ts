// Runs the commands of the documents: those that need a node in a virtual node, in one boot, with the command that
// vhca/README.md shows; the others on this machine. The output must be as the document shows it.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tokens } from "marked";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  blocksIn,
  documents,
  isRunHere,
  isRunInPods,
  needOf,
  only,
  textOf,
  tokensIn,
} from "../support/documents.ts";
import { allManifests } from "../support/manifests.ts";
import { bootTime, inRepository } from "./harness/guest.ts";

/** PCI addresses of the PF and its VFs in the documents, and their addresses in the virtual node. */
const addresses: Readonly<Record<string, string>> = {
  "0000:03:00.0": "0000:01:00.0",
  "0000:03:00.2": "0000:01:10.0",
  "0000:03:00.3": "0000:01:10.2",
  "0000:03:00.4": "0000:01:10.4",
  "0000:03:00.5": "0000:01:10.6",
};

/**
 * Returns a shell command that chooses a network of deploy/networks for `attach`. host-local takes the place of whereabouts,
 * which needs a cluster.
 */
function configOf(name: string, more: Readonly<Record<string, string>> = {}): string {
  const network = allManifests("deploy/networks").find(({ content }) => content.metadata.name === name);
  const config = JSON.parse(network?.content.spec.config);
  return `config='${JSON.stringify({ ...config, ipam: { type: "host-local", subnet: config.ipam.range, ...more } })}'`;
}

/** The preparations of the node that a document expects, besides an HCA and the plugin; see guest/documents.sh. */
const preparations: Readonly<Record<string, string>> = {
  "docs/how-to/administration.md": `virtual_functions 4
    set_guid 1 02:00:00:00:00:00:00:02; set_guid 2 02:00:00:00:00:00:00:03
    attach c0 0 trainer-0; attach c1 1 trainer-1; delete_container c1`,
  "docs/how-to/migration.md": `virtual_functions 1; mkdir -p /var/lib/cni/ib-sriov
    echo '{"type": "ib-sriov", "name": "ib", "deviceID": "0000:01:10.0", "VFID": 0, "Master": "ib0", "HostIFNames": "ib1",
      "HostIFGUID": "", "ContIFNames": "net1", "ipam": {}, "args": {"cni": null}}' >/var/lib/cni/ib-sriov/c1-net1`,
  "docs/troubleshooting.md": `virtual_functions 4; attach c1 1 trainer-1
    echo 0000:01:10.6 >/sys/bus/pci/drivers/mlx5_core/unbind`,
  "docs/quickstart.md": `virtual_functions 4; /opt/cni/bin/ib-sriov provision >/dev/null
    ${configOf("ib-whereabouts", { rangeStart: "10.56.218.16" })}
    attach c0 0 ib-sriov-test-a; attach c1 1 ib-sriov-test-b`,
  "docs/how-to/eight-rails.md": [0, 1, 2, 3, 4, 5, 6, 7]
    .map((rail) => `${configOf(`ib-rail-${rail}`)}; attach c0 ${rail} trainer-0 net${rail + 1}`)
    .reduce((all, each) => `${all}\n${each}`, "virtual_functions 8"),
  "docs/how-to/rdma-isolation.md": `mkdir -p /etc/modprobe.d; virtual_functions 4
    start_pods() { ${configOf("ib-isolated")}; attach c0 0 POD; }`,
  "docs/reference/configuration.md": "virtual_functions 4",
  // These documents need no preparations, or their commands make them.
  "README.md": "",
  "docs/development.md": "",
  "docs/how-to/hardware.md": "",
  "docs/how-to/monitoring.md": "",
  "docs/how-to/test-the-hardware.md": "virtual_functions 4",
  "docs/how-to/upgrade-and-uninstall.md": "virtual_functions 1",
  "vhca/README.md": "",
};

/** The blocks that can be run, each with a unique name. */
const blocks = documents.flatMap((document) =>
  blocksIn(textOf(document))
    .filter((block) => block.language === "sh" && (needOf(block) === undefined || isRunInPods(block)))
    .map((block, i) => ({ ...block, document, name: `${document.replaceAll(/\W/g, "-")}.${i}` })),
);
const here = blocks.filter(isRunHere);
const inNode = blocks.filter((block) => !isRunHere(block));
/** The command that boots a virtual node, which is the only command of vhca/README.md. */
const boot = here.find(({ document }) => document === "vhca/README.md")?.text ?? "";

const plugin = inRepository("build/ib-sriov");
/** Returns the help of the executable, or of a command. */
const helpOf = (words = "") =>
  execFileSync(plugin, [...words.split(" "), "--help"].filter(Boolean), { encoding: "utf8" });
const commands = [
  ...Array.from(helpOf().matchAll(/^ {2}([a-z]+( [a-z]+)?) {2,}/gm), ([, name = ""]) => name),
  // The short name of a command with two words.
  "attachments",
];
/** The directory for scripts and results. It is in build/, because Ctrl-C leaves it behind. */
const directory = inRepository("build/documents");
afterAll(() => rmSync(directory, { recursive: true }));

/** Replaces the PCI addresses of the documents by those of the virtual node. */
function translated(text: string): string {
  return Object.entries(addresses).reduce(
    (now, [documented, actual]) => now.replaceAll(documented, actual),
    text,
  );
}

describe("in the virtual node", () => {
  const results = join(directory, "results");
  /** The output of the node itself, for example of preparations that fail. */
  let nodeOutput = "";
  const result = (name: string) => {
    try {
      return readFileSync(join(results, name), "utf8");
    } catch {
      return undefined;
    }
  };

  beforeAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(results, { recursive: true });
    const script = join(directory, "script.sh");
    writeFileSync(script, `mkdir -p /host/out\n${Object.keys(preparations).map(scriptOf).join("\n")}`);
    const [program = "", ...words] = boot.split(" ");
    const values: Readonly<Record<string, string>> = { results, "script.sh": script };
    // With the programs for RDMA, which documents run in pods, and enough time for a busy machine.
    const args = ["-R", "-t", "800", ...words.map((word) => values[word] ?? word)];
    const run = await promisify(execFile)(program, args, {
      cwd: inRepository(""),
      timeout: bootTime,
      killSignal: "SIGTERM",
    });
    nodeOutput = run.stdout;
  }, bootTime);

  test("every document with commands for a node has preparations", () => {
    expect(new Set(inNode.map(({ document }) => document))).toEqual(new Set(Object.keys(preparations)));
  });

  test.each(inNode)("$document: $text", ({ name, output }) => {
    expect(result(`${name}.status`), result(name) ?? `not reached\n${nodeOutput}`).toBe("0\n");
    // Commands that take longer than a second, on a busy machine, print what they do.
    const text = result(name)?.replaceAll(/^ib-sriov: [a-z]+ing .*\n/gm, "");
    if (output !== undefined) expect(text).toMatch(patternOf(translated(output)));
  });
});

/** Returns a script that runs a document's blocks one after the other in one shell, which ends at the first failure. */
function scriptOf(document: string): string {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  const own = inNode.filter((block) => block.document === document);
  const steps = own.map(({ name, text }) => {
    const out = `/host/out/${name}`;
    return `base64 -d <<<${encode(translated(text))} >/tmp/block; . /tmp/block >${out} 2>&1; echo 0 >${out}.status`;
  });
  const begin = [textOf("test/e2e/guest/documents.sh"), "fresh", preparations[document], "cd /host"];
  return `base64 -d <<<${encode([...begin, ...steps].join("\n"))} >/tmp/document; bash /tmp/document || true`;
}

/** Returns a pattern for output: literal except for blanks and indentation, and for "…", which matches anything. */
function patternOf(output: string): RegExp {
  const lines = output
    .trim()
    .split("\n")
    .map((line) => {
      // On a separate line, "…" matches any lines.
      if (line.trim() === "…") return "[\\s\\S]*";
      return line
        .trim()
        .split(/(…| +)/)
        .map(patternOfPiece)
        .join("");
    });
  return new RegExp(`^\\s*${lines.join("\\s*\n\\s*")}\\s*$`);
}

function patternOfPiece(piece: string): string {
  if (piece === "…") return ".*";
  return piece.startsWith(" ") ? "[ \\t]+" : piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

describe("on this machine", () => {
  const lines = here.flatMap(({ document, text }) =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => ({ document, line: line.replace(/\s+#.*$/, "") })),
  );

  test.each(lines.filter(({ line }) => !/^make\b/.test(line)))("$document: $line", ({ line }) => {
    const [, project, path = "", title = ""] =
      /^node_modules\/\.bin\/vitest run --project (\S+) (\S+)(?: -t "(.*)")?$/.exec(line) ?? [];
    // beforeAll has booted the virtual node with this command.
    if (project === undefined) expect(line).toBe(boot);
    else {
      // The command runs this very test, so only its project, file and title are checked.
      // "'unit*'" selects `unit` and those that begin with it.
      const name = project.replaceAll(/['*]/g, "");
      expect(textOf("vitest.config.ts")).toMatch(new RegExp(`(name: |\\bunit\\()"${name}"`));
      expect(existsSync(path)).toBe(true);
      if (title !== "") expect(textOf(path)).toMatch(new RegExp(`test\\(.*${title}`));
    }
  });

  // .ci/run and the tests call these targets; this test only checks that they exist.
  const help = execFileSync("make", ["--no-print-directory", "help"], { encoding: "utf8" });
  const targets = Array.from(help.matchAll(/^ +make (\S+)/gm), ([, target]) => target);
  const makefile = textOf("Makefile");
  const made = [...lines, ...named(/^make( |$)/)].filter(({ line }) => /^make\b/.test(line));
  test.each(made)("$document: $line", ({ line }) => {
    for (const word of line.split(" ").slice(1)) {
      const [name = "", value] = word.split("=");
      if (value === undefined) expect(targets).toContain(name);
      else expect(makefile).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });
});

test.each(named(/^ib-sriov [a-z]/))("$document names an existing command: $line", ({ line }) => {
  const words = line.split(" ").slice(1);
  const command = commands.find((name) => `${words.join(" ")} `.startsWith(`${name} `));
  expect(commands).toContain(command);
  const help = helpOf(command);
  for (const word of words.filter((each) => each.startsWith("--"))) expect(help).toContain(`${word} `);
});

/** Returns the commands that the running text of the documents names. Text with "…" is not a command. */
function named(pattern: RegExp): { readonly document: string; readonly line: string }[] {
  return documents.flatMap((document) =>
    only<Tokens.Codespan>(tokensIn(textOf(document)), "codespan")
      .filter(({ text }) => pattern.test(text) && !text.includes("…"))
      .map(({ text }) => ({ document, line: text })),
  );
}
