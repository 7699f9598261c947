// Each page names its readers in its first sentence, and each page of docs/ has the form of its kind: tutorial, how-to,
// reference or explanation (https://diataxis.fr).
import type { Tokens } from "marked";
import { describe, expect, test } from "vitest";
import { documents, only, textOf, tokensIn } from "../../support/documents.ts";

const pages = documents.filter((path) => path.startsWith("docs/"));

/** Returns the first paragraph below the title. */
function firstParagraph(text: string): string {
  return only<Tokens.Paragraph>(tokensIn(text), "paragraph")[0]?.text ?? "";
}

const beginning = /^This page is for [a-z]/;

// The front page is for everyone, and the changelog has the form that its first paragraph names.
const others = ["README.md", "CHANGELOG.md"];
test.each(documents.filter((path) => !others.includes(path)))(
  "%s names its readers in its first sentence",
  (page) => {
    expect(firstParagraph(textOf(page))).toMatch(beginning);
  },
);

test("a page that begins with another sentence is reported", () => {
  expect(firstParagraph("# Title\n\nVFs are functions.\n")).not.toMatch(beginning);
});

describe.each(pages.filter((path) => path.startsWith("docs/how-to/")))("%s", (page) => {
  test("has something to do: a command, a file or numbered steps", () => {
    const tokens = tokensIn(textOf(page));
    const steps = [
      ...only<Tokens.Code>(tokens, "code"),
      ...only<Tokens.List>(tokens, "list").filter(({ ordered }) => ordered),
    ];
    expect(steps.length).toBeGreaterThan(0);
  });
});

const references = pages.filter((path) => path.startsWith("docs/reference/") && !path.endsWith("README.md"));

describe.each(references)("%s", (page) => {
  test("consists mainly of tables", () => {
    const tokens = tokensIn(textOf(page));
    expect(only<Tokens.Table>(tokens, "table").length).toBeGreaterThan(0);
  });

  test("has no numbered steps", () => {
    const steps = only<Tokens.List>(tokensIn(textOf(page)), "list").filter(({ ordered }) => ordered);
    // The order in which GUIDs are looked for is a fact, not a procedure.
    expect(steps.length).toBeLessThanOrEqual(page === "docs/reference/configuration.md" ? 1 : 0);
  });
});
