// Links of the documents lead to an existing file of this repository, and to an existing heading.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import GithubSlugger from "github-slugger";
import type { Tokens } from "marked";
import { describe, expect, test } from "vitest";
import { documents, forwardingDocuments, only, textOf, tokensIn } from "../../support/documents.ts";

/** Returns the anchors of a document's headings, as GitHub makes them. */
function anchorsIn(text: string): string[] {
  const slugger = new GithubSlugger();
  return only<Tokens.Heading>(tokensIn(text), "heading").map(({ text: heading }) => slugger.slug(heading));
}

/** Returns the targets of a document's links and pictures inside the repository, as paths from its root. */
function targetsIn(document: string, text: string): { readonly path: string; readonly anchor: string }[] {
  const tokens = tokensIn(text);
  const links = [...only<Tokens.Link>(tokens, "link"), ...only<Tokens.Image>(tokens, "image")];
  return links
    .map(({ href }) => href)
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [path = "", anchor = ""] = href.split("#");
      return { path: path === "" ? document : normalize(join(dirname(document), path)), anchor };
    });
}

/** Returns the targets that do not exist. */
function broken(document: string, text: string): string[] {
  return targetsIn(document, text)
    .filter(({ path, anchor }) => {
      if (path !== document && !existsSync(path)) return true;
      return anchor !== "" && !anchorsIn(path === document ? text : textOf(path)).includes(anchor);
    })
    .map(({ path, anchor }) => `${path}#${anchor}`);
}

describe.each(documents)("%s", (document) => {
  test("has no broken link", () => {
    expect(broken(document, textOf(document))).toEqual([]);
  });

  test("has no duplicate heading, because a link would lead to the first", () => {
    const anchors = anchorsIn(textOf(document));
    // Each version of a changelog has the same headings.
    if (document !== "CHANGELOG.md") expect(anchors.filter((anchor) => /-\d$/.test(anchor))).toEqual([]);
  });
});

test("a missing file and a missing heading are reported", () => {
  const text = "# One\n[a](two.md) [b](#one) [c](#three) [d](README.md#documentation) ![e](pictures/no.svg)";
  expect(broken("docs/x.md", text)).toEqual(["docs/two.md#", "docs/x.md#three", "docs/pictures/no.svg#"]);
});

test.each(forwardingDocuments)("%s leads to the page that has replaced it", (path) => {
  expect(targetsIn(path, textOf(path))).toHaveLength(1);
  expect(broken(path, textOf(path))).toEqual([]);
});

test("the index names every page of docs/", () => {
  const indexed = targetsIn("docs/README.md", textOf("docs/README.md")).map(({ path }) => path);
  const pages = documents.filter((path) => path.startsWith("docs/") && !path.endsWith("/README.md"));
  expect(pages.filter((path) => !indexed.includes(path))).toEqual([]);
});

test("every document and every picture is linked to", () => {
  const targets = documents.flatMap((document) =>
    targetsIn(document, textOf(document)).map(({ path }) => path),
  );
  const pictures = readdirSync("docs/pictures").map((name) => `docs/pictures/${name}`);
  const lonely = [...documents, ...pictures].filter((path) => !targets.includes(path));
  expect(lonely).toEqual([]);
});

// A page of the forge shows a picture with at most this width, CSS pixels, so that wider pictures are scaled down.
const shownWidth = 830;

test("pictures have no text smaller than 12 pixels at the width at which they are shown", () => {
  for (const name of readdirSync("docs/pictures")) {
    const text = textOf(`docs/pictures/${name}`);
    const width = Number(/viewBox="0 0 (\d+) /.exec(text)?.[1]);
    const sizes = Array.from(text.matchAll(/font(?:-size)?: ([\d.]+)px/g), ([, size]) => Number(size));
    const smallest = Math.min(...sizes) * Math.min(1, shownWidth / width);
    expect(smallest, name).toBeGreaterThanOrEqual(12);
  }
});

test("pictures are SVG with a title, and have colors for dark pages", () => {
  for (const name of readdirSync("docs/pictures")) {
    const text = textOf(`docs/pictures/${name}`);
    expect(text).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
    expect(text).toMatch(/<title id="title">.{20,}<\/title>/);
    expect(text).toContain("@media (prefers-color-scheme: dark)");
  }
});
