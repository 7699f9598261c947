// Every block of a document is of a known kind, so that none with commands stays unseen and is run by nobody. Those that
// can be run are run in test/e2e/docs.test.ts.
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { type Block, blocksIn, documents, isRunHere, needOf, textOf } from "../../support/documents.ts";

/** What a reader may need that no test has. */
const needs = ["an HCA", "a cluster", "a node with systemd"];
/** How lines begin that somebody is to type. */
const command =
  /^\s*([$#] )?(sudo |echo |ip |make\b|kubectl |rdma |modprobe |systemctl |cat |(\/\S*\/)?ib-sriov [a-z-])/m;

/** What is wrong with a block; "" for nothing. */
function problemOf(block: Block): string {
  const { language, text, output, isOutput } = block;
  const need = needOf(block);
  if (language === "sh") {
    if (need !== undefined && !needs.includes(need)) return `no block may need ${need}`;
    return need !== undefined && output !== undefined ? "the output of what nobody has run" : "";
  }
  if (language === "text") {
    if (!isOutput) return "text that is no command's output";
    return "";
  }
  if (language === "json") return "";
  if (language === "yaml") return parseDocument(text, { uniqueKeys: true }).errors.map(String).join();
  if (language === "ini") return /^# (\/[\w.-]+)+\n/.test(text) ? "" : "it does not say which file it is";
  return language === undefined ? "no fence" : `no block may have the language "${language}"`;
}

test.each(documents)("%s has blocks of known kinds only", (document) => {
  const problems = blocksIn(textOf(document)).map((block) => [problemOf(block), block.text]);
  expect(problems.filter(([problem]) => problem !== "")).toEqual([]);
});

test.each(documents)("%s has its commands in blocks of commands", (document) => {
  for (const { language, text, isOutput } of blocksIn(textOf(document))) {
    if (language !== "sh" && !isOutput) expect(text).not.toMatch(command);
  }
});

test("there are blocks to be run in either place, and some that cannot be", () => {
  const all = documents.flatMap((document) => blocksIn(textOf(document)));
  const shell = all.filter(({ language }) => language === "sh");
  const free = shell.filter((block) => needOf(block) === undefined);
  expect(free.filter(isRunHere).length).toBeGreaterThan(5);
  expect(free.filter((block) => !isRunHere(block)).length).toBeGreaterThan(15);
  expect(free.length).toBeLessThan(shell.length);
});

const fenced = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`;

test.each([
  ["no language", fenced("", "make"), 'language ""'],
  ["no fence", "text\n\n    make\n", "no fence"],
  ["another language", fenced("shell", "make"), 'language "shell"'],
  ["a need of one's own", fenced("sh", "# Needs patience.\nmake"), "patience"],
  ["output of nothing", `words\n\n${fenced("text", "make")}`, "no command's output"],
  [
    "output of what is not run",
    fenced("sh", "# Needs an HCA.\nlspci") + fenced("text", "x"),
    "nobody has run",
  ],
  ["YAML that has a key twice", fenced("yaml", "a: 1\na: 2"), "unique"],
  ["a file without its name", fenced("ini", "[Link]"), "which file"],
])("a block with %s is found", (_, text, problem) => {
  expect(blocksIn(text).map(problemOf).join()).toContain(problem);
});
