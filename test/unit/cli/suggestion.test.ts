// cspell:ignore doctr lits
import { expect, test } from "vitest";
import { editsBetween, suggestionFor } from "../../../src/cli/suggestion.ts";

test.each([
  ["lst", "list"],
  ["lits", "list"],
  ["doctr", "doctor"],
  ["attachment", "attachments show"],
  ["--jsn", undefined],
  ["x", undefined],
  ["", undefined],
])("%s: %s", (word, expected) => {
  const known = ["list", "doctor", "gc", "attachments show"];
  const found = suggestionFor(word, word === "attachment" ? ["attachments"] : known);
  if (word === "attachment") expect(found).toBe("; did you mean 'attachments'?");
  else expect(found).toBe(expected === undefined ? "" : `; did you mean '${expected}'?`);
});

test.each([
  ["", "", 0],
  ["abc", "", 3],
  ["ab", "ba", 1],
  ["kitten", "sitting", 3],
  ["gc", "gcc", 1],
])("%j and %j: %i edits", (one, other, edits) => {
  expect([editsBetween(one, other), editsBetween(other, one)]).toEqual([edits, edits]);
});
