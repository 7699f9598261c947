// What the documents quote as said by the plugin is what the sources say, and the codes of its errors are all told.
import { readdirSync } from "node:fs";
import type { Tokens } from "marked";
import { expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { documents, only, textOf, tokensIn } from "../../support/documents.ts";

/** All of the sources, with texts that are put together of several lines in one piece, and with `…` where a value goes. */
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => textOf(`src/${name}`))
  .join("\n")
  // Comments say nothing to anybody at a terminal.
  .replaceAll(/^ *(\/?\*|\/\/).*$/gm, "")
  .replaceAll(/["'`]\s*\+\s*["'`]/g, "")
  .replaceAll('\\"', '"')
  .replaceAll(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, "…");

/** Messages that a document quotes: code, and nothing else, in a quotation. */
function quotationsIn(text: string): string[] {
  return only<Tokens.Blockquote>(tokensIn(text), "blockquote").flatMap(({ text: quoted }) =>
    quoted
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.replaceAll(/^`|`$/g, "")),
  );
}

/** How many pieces of the sources a part of a message may be put together of, and how long they must be, characters. */
const mostPieces = 3;
const shortestPiece = 7;

/** Does it stand in the sources, be it in some pieces? One source says "… is busy: …", another one who is. */
function isSaid(part: string, pieces = mostPieces): boolean {
  if (sources.includes(part)) return true;
  if (pieces === 1) return false;
  for (let end = part.length - shortestPiece; end >= shortestPiece; end--) {
    if (sources.includes(part.slice(0, end)) && isSaid(part.slice(end).trimStart(), pieces - 1)) return true;
  }
  return false;
}

/** The parts of a message that nobody says. What stands for a value is not looked at. */
function unknownParts(message: string): string[] {
  const parts = message.split("…").map((part) => part.trim());
  return parts.filter((part) => part.length > 3 && !isSaid(part));
}

const quotations = documents.flatMap((document) => quotationsIn(textOf(document)));

test.each(quotations)("%s", (message) => {
  expect(unknownParts(message)).toEqual([]);
});

test("there are some, and one that nobody says would be found", () => {
  expect(quotations.length).toBeGreaterThan(25);
  expect(unknownParts("VF … has no valid GUID, alas")).toEqual(["has no valid GUID, alas"]);
});

test("the reference has every error code, and no other", () => {
  const text = textOf("docs/configuration.md");
  const section = text.slice(text.indexOf("## Error codes"), text.indexOf("## Files"));
  const told = Array.from(section.matchAll(/^\| (\d+) \| \S.* \|$/gm), ([, code]) => Number(code));
  expect(told).toEqual(Object.values(codes).sort((one, other) => one - other));
});
