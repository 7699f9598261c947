/** The project's documents, as far as tests look at them. docs/development.md says what a writer must know of this. */
import { readdirSync, readFileSync } from "node:fs";
import { marked, type Token, type Tokens } from "marked";

/** All documents whose commands, links and configurations are tested. Paths in the repository. */
export const documents: readonly string[] = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "deploy/README.md",
  "vhca/README.md",
  ...readdirSync(new URL("../../docs/", import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
];

/** The text of a file of the repository. */
export function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** What a document consists of, the parts of parts too, in the order of the text. */
export function tokensIn(text: string): Token[] {
  const all: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => void all.push(token));
  return all;
}

/** The tokens of one kind. */
export function only<T extends Tokens.Generic>(tokens: readonly Token[], type: T["type"]): T[] {
  return tokens.filter((token) => token.type === type) as T[];
}

/** A block of commands, output, configuration …, as a document shows it. */
export interface Block {
  /** What stands behind the fence; "" for nothing, undefined where there is no fence (four spaces instead). */
  readonly language: string | undefined;
  readonly text: string;
  /** What is shown to be printed by it, in the block right below; undefined where there is none. */
  readonly output: string | undefined;
  /** Is it the output of the block above? */
  readonly isOutput: boolean;
}

/** The blocks of a document's text. */
export function blocksIn(text: string): Block[] {
  // Those in a list or a quotation have no neighbours.
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

/** What a block of commands needs that no test has, as its first line says; undefined where it can be run. */
export function needOf({ language, text }: Block): string | undefined {
  return language === "sh" ? /^# Needs (.*)\.\n/.exec(text)?.[1] : undefined;
}

/** Is it run on the machine that builds? All others are run in the virtual node. */
export function isRunHere({ text }: Block): boolean {
  return /^(make\b|vhca\/|build\/|node_modules\/)/.test(text);
}
