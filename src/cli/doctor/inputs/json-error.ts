/** A mistake in a JSON document. Lines and columns begin at 1; a column is a UTF-16 unit. */
export interface JsonError {
  readonly line: number;
  readonly column: number;
  /** E.g. "unexpected '}'". */
  readonly message: string;
}

/** A token: a string, a number, a word, or a sign (RFC 8259). */
const TOKEN =
  /(?:"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?|true|false|null|[[\]{},:])/y;
const SPACE = /[ \t\n\r]*/y;

/** The tokens that can follow: a value, a key, a sign. */
type Expected = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma or end" | "nothing";

/** Finds the first mistake in a document; `undefined` if it is JSON. The engine's parser does not report positions. */
export function jsonError(text: string): JsonError | undefined {
  /** The brackets that are open. */
  const open: string[] = [];
  let expected: Expected = "value";
  for (let at = 0; ; ) {
    at += textAt(SPACE, text, at)?.length ?? 0;
    if (at >= text.length) return expected === "nothing" ? undefined : errorAt(text, at, "unexpected end");
    const token = textAt(TOKEN, text, at);
    const next: Expected | undefined = token === undefined ? undefined : after(token, expected, open);
    if (token === undefined || next === undefined) {
      const isText = token === undefined && text[at] === '"';
      return errorAt(text, at, isText ? "invalid or unfinished text" : `unexpected '${text[at]}'`);
    }
    expected = next;
    at += token.length;
  }
}

/** Returns the text at an offset that a sticky expression matches. */
function textAt(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at;
  return expression.exec(text)?.[0];
}

/** Returns the tokens that can follow a token; `undefined` if the token itself is a mistake. */
function after(token: string, expected: Expected, open: string[]): Expected | undefined {
  const afterValue = () => (open.length === 0 ? "nothing" : "comma or end");
  switch (token) {
    case "{":
    case "[":
      if (!expected.startsWith("value")) return undefined;
      open.push(token);
      return token === "{" ? "key or }" : "value or ]";
    case "}":
    case "]":
      if (!expected.includes(" or ") || open.at(-1) !== (token === "}" ? "{" : "[")) return undefined;
      open.pop();
      return afterValue();
    case ",":
      if (expected !== "comma or end") return undefined;
      return open.at(-1) === "{" ? "key" : "value";
    case ":":
      return expected === "colon" ? "value" : undefined;
    default:
      if (expected.startsWith("key")) return token.startsWith('"') ? "colon" : undefined;
      return expected.startsWith("value") ? afterValue() : undefined;
  }
}

function errorAt(text: string, at: number, message: string): JsonError {
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, message };
}
