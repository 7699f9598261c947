/** Reads the project's documents for tests. docs/development.md describes the rules for writers. */
import { readdirSync, readFileSync } from "node:fs";
import { marked, type Token, type Tokens } from "marked";

/** The paths in the repository of all documents whose commands, links and configurations are tested. */
export const documents: readonly string[] = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "deploy/README.md",
  "deploy/monitoring/README.md",
  "vhca/README.md",
  ...readdirSync(new URL("../../docs/", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
    .filter((path) => !isForwarding(path))
    .sort(),
];

/** The paths of documents that have moved. Other projects may link to them, so each leads on in one line. */
export const forwardingDocuments: readonly string[] = readdirSync(new URL("../../docs/", import.meta.url))
  .map((name) => `docs/${name}`)
  .filter((path) => path.endsWith(".md") && isForwarding(path));

function isForwarding(path: string): boolean {
  return textOf(path).startsWith("This page is now [");
}

/** Returns the text of a file of the repository. */
export function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** Returns all tokens of a document, including nested ones, in the order of the text. */
export function tokensIn(text: string): Token[] {
  const all: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => void all.push(token));
  return all;
}

/** Returns the tokens of one kind. */
export function only<T extends Tokens.Generic>(tokens: readonly Token[], type: T["type"]): T[] {
  return tokens.filter((token) => token.type === type) as T[];
}

/** A code block of a document: commands, output, configuration. */
export interface Block {
  /** The word after the fence; "" if it is missing, `undefined` if the block is indented instead. */
  readonly language: string | undefined;
  readonly text: string;
  /** The output that the next block shows for it; `undefined` if the next block is not output. */
  readonly output: string | undefined;
  /** Reports whether it is the output of the block above. */
  readonly isOutput: boolean;
}

/** Returns the blocks of a document's text. */
export function blocksIn(text: string): Block[] {
  // Blocks in a list or a quotation have no neighbors.
  const top = marked.lexer(text).filter(({ type }) => type !== "space");
  return only<Tokens.Code>(tokensIn(text), "code").map((code) => {
    const at = top.findIndex(({ raw, type }) => type === "code" && raw.trimEnd() === code.raw.trimEnd());
    const [before, after] = at < 0 ? [] : [top[at - 1], top[at + 1]];
    const isShell = code.lang === "sh";
    return {
      language: code.codeBlockStyle === "indented" ? undefined : (code.lang ?? ""),
      text: code.text,
      output: isShell && after?.type === "code" && after.lang === "text" ? after.text : undefined,
      isOutput: code.lang === "text" && before?.type === "code" && before.lang === "sh",
    };
  });
}

/** Returns the requirement in the first line of a block, which no test has; `undefined` if the block can be run. */
export function needOf({ language, text }: Block): string | undefined {
  return language === "sh" ? /^# Needs (.*)\.\n/.exec(text)?.[1] : undefined;
}

/** Returns the commands of a block, without the comments. */
export function commandsIn({ text }: Block): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/**
 * Reports whether all commands of a block run in pods, and the document shows their output. Such a block needs a cluster, and
 * is run in the virtual node, whose pods are network namespaces.
 */
export function isRunInPods(block: Block): boolean {
  return (
    needOf(block) === "a cluster" &&
    block.output !== undefined &&
    commandsIn(block).every((line) => /^(\w+=\$\()?kubectl exec /.test(line))
  );
}

/**
 * Returns the paths of the manifests that a block applies, if it does nothing else; else `undefined`. The output of kubectl
 * for them is known without a cluster.
 */
export function appliedIn(block: Block): string[] | undefined {
  const commands = commandsIn(block);
  const isApply = (line: string) => /^(sed '.*' \S+ \| )?kubectl apply( -f \S+)+$/.test(line);
  if (needOf(block) !== "a cluster" || !commands.every(isApply)) return undefined;
  return commands.flatMap((line) => line.match(/\bdeploy\/\S+\.yaml/g) ?? []);
}

/** Reports whether a block is run on the build machine. All others are run in the virtual node. */
export function isRunHere({ text }: Block): boolean {
  return /^(make\b|vhca\/|build\/|node_modules\/)/.test(text);
}
