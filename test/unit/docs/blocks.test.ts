// Every block of a document is of a known kind, so that no block with commands is left unchecked. test/e2e/docs.test.ts
// runs those that can be run.
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import {
  appliedIn,
  type Block,
  blocksIn,
  documents,
  isRunHere,
  isRunInPods,
  needOf,
  textOf,
} from "../../support/documents.ts";
import { manifestsOf } from "../../support/manifests.ts";

/** The requirements of blocks that no test can run. */
const needs = ["an HCA", "a cluster", "a node with systemd", "a release"];
/** The beginnings of lines that a reader is to type. */
const command =
  /^\s*([$#] )?(sudo |echo |ip |make\b|kubectl |rdma |modprobe |systemctl |cat |(\/\S*\/)?ib-sriov [a-z-])/m;

/** Returns the lines that kubectl prints when it creates the objects of a file. */
function appliedLines(file: string): string[] {
  return manifestsOf(file).map(({ content: { apiVersion, kind, metadata } }) => {
    const [, group] = /^(.*)\//.exec(apiVersion) ?? [];
    return `${kind.toLowerCase()}${group === undefined ? "" : `.${group}`}/${metadata.name} created`;
  });
}

/** Returns the error of a block, "" if it is valid. */
function problemOf(block: Block): string {
  const { language, text, output, isOutput } = block;
  const need = needOf(block);
  if (language === "sh") {
    if (need !== undefined && !needs.includes(need)) return `unknown requirement ${need}`;
    if (need === undefined || output === undefined || isRunInPods(block)) return "";
    const printed = appliedIn(block)?.flatMap(appliedLines).join("\n");
    if (printed === undefined) return "the output of commands that are not run";
    return printed === output ? "" : `kubectl prints\n${printed}`;
  }
  if (language === "text") {
    if (!isOutput) return "text that is not a command's output";
    return "";
  }
  if (language === "json" || language === "promql") return "";
  if (language === "yaml") return parseDocument(text, { uniqueKeys: true }).errors.map(String).join();
  if (language === "ini")
    return /^# (\/[\w.-]+)+\n/.test(text) ? "" : "the first line does not name the file";
  return language === undefined ? "no fence" : `unknown language "${language}"`;
}

test.each(documents)("%s has only blocks of known kinds", (document) => {
  const problems = blocksIn(textOf(document)).map((block) => [problemOf(block), block.text]);
  expect(problems.filter(([problem]) => problem !== "")).toEqual([]);
});

test.each(documents)("%s has commands only in command blocks", (document) => {
  for (const { language, text, isOutput } of blocksIn(textOf(document))) {
    if (language !== "sh" && !isOutput) expect(text).not.toMatch(command);
  }
});

test("some blocks run on this machine, some in the virtual node, and some cannot run", () => {
  const all = documents.flatMap((document) => blocksIn(textOf(document)));
  const shell = all.filter(({ language }) => language === "sh");
  const free = shell.filter((block) => needOf(block) === undefined);
  expect(free.filter(isRunHere).length).toBeGreaterThan(5);
  expect(free.filter((block) => !isRunHere(block)).length).toBeGreaterThan(15);
  expect(free.length).toBeLessThan(shell.length);
  expect(shell.filter(isRunInPods).length).toBeGreaterThan(2);
  const applied = shell.filter((block) => block.output !== undefined && appliedIn(block) !== undefined);
  expect(applied.length).toBeGreaterThan(2);
});

const fenced = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`;

test.each([
  ["no language", fenced("", "make"), 'language ""'],
  ["no fence", "text\n\n    make\n", "no fence"],
  ["another language", fenced("shell", "make"), 'language "shell"'],
  ["an unknown requirement", fenced("sh", "# Needs patience.\nmake"), "patience"],
  ["output of nothing", `words\n\n${fenced("text", "make")}`, "not a command's output"],
  [
    "output of commands that are not run",
    fenced("sh", "# Needs an HCA.\nlspci") + fenced("text", "x"),
    "that are not run",
  ],
  [
    "output of a command in a pod and of another one",
    fenced("sh", "# Needs a cluster.\nkubectl exec POD -- ip link\nkubectl get pods") + fenced("text", "x"),
    "that are not run",
  ],
  [
    "the output of another manifest",
    fenced("sh", "# Needs a cluster.\nkubectl apply -f deploy/device-plugin.yaml") + fenced("text", "x"),
    "kubectl prints\nconfigmap/sriovdp-config created",
  ],
  ["YAML with a duplicate key", fenced("yaml", "a: 1\na: 2"), "unique"],
  ["a file without its name", fenced("ini", "[Link]"), "name the file"],
])("a block with %s is reported", (_, text, problem) => {
  expect(blocksIn(text).map(problemOf).join()).toContain(problem);
});
