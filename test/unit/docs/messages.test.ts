// The messages that the documents quote are in the sources, and the reference lists all error codes.
import { readdirSync } from "node:fs";
import type { Tokens } from "marked";
import { expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { documents, only, textOf, tokensIn } from "../../support/documents.ts";

/** All sources, with texts that are concatenated from several lines as one text, and with `…` in place of values. */
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => textOf(`src/${name}`))
  .join("\n")
  // Comments are not messages.
  .replaceAll(/^ *(\/?\*|\/\/).*$/gm, "")
  .replaceAll(/["'`]\s*\+\s*["'`]/g, "")
  .replaceAll('\\"', '"')
  .replaceAll(/\$\{[^{}]*(\{[^{}]*\}[^{}]*)*\}/g, "…");

/** Returns the messages that a document quotes: quotations that contain only code. */
function quotationsIn(text: string): string[] {
  return only<Tokens.Blockquote>(tokensIn(text), "blockquote").flatMap(({ text: quoted }) =>
    quoted
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.replaceAll(/^`|`$/g, "")),
  );
}

/** In how many pieces the sources may contain a part of a message, at most, and their minimum length, characters. */
const mostPieces = 3;
const shortestPiece = 7;

/** Reports whether the sources contain a text, possibly in several pieces: a message can be built by two functions. */
function isInSources(part: string, pieces = mostPieces): boolean {
  if (sources.includes(part)) return true;
  if (pieces === 1) return false;
  for (let end = part.length - shortestPiece; end >= shortestPiece; end--) {
    if (sources.includes(part.slice(0, end)) && isInSources(part.slice(end).trimStart(), pieces - 1))
      return true;
  }
  return false;
}

/** Returns the parts of a message that are not in the sources. `…` stands for a value, and is not compared. */
function unknownParts(message: string): string[] {
  const parts = message.split("…").map((part) => part.trim());
  return parts.filter((part) => part.length > 3 && !isInSources(part));
}

const quotations = documents.flatMap((document) => quotationsIn(textOf(document)));

test.each(quotations)("%s", (message) => {
  expect(unknownParts(message)).toEqual([]);
});

test("the documents quote messages, and an unknown message is reported", () => {
  expect(quotations.length).toBeGreaterThan(25);
  expect(unknownParts("VF … has no valid GUID, alas")).toEqual(["has no valid GUID, alas"]);
});

test("the reference has every error code, and no other", () => {
  const text = textOf("docs/reference/errors.md");
  const told = Array.from(text.matchAll(/^\| (\d+) \| \S.* \|$/gm), ([, code]) => Number(code));
  expect(told).toEqual(Object.values(codes).sort((one, other) => one - other));
});
