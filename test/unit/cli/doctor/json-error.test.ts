import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonError } from "../../../../src/cli/doctor/inputs/json-error.ts";

test.each([
  ["", 1, 1, "unexpected end"],
  ["\ufeff{}", 1, 1, "unexpected '\ufeff'"],
  ['{"a": 1', 1, 8, "unexpected end"],
  ['{\n  "a": 1,\n}', 3, 1, "unexpected '}'"],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, `unexpected '"'`],
  ["{a: 1}", 1, 2, "unexpected 'a'"],
  ['{"a" 1}', 1, 6, "unexpected '1'"],
  ['["a\nb"]', 1, 2, "invalid or unfinished text"],
  ["[1}", 1, 3, "unexpected '}'"],
  ["{} {}", 1, 4, "unexpected '{'"],
  ["[01]", 1, 3, "unexpected '1'"],
])("%j has a mistake in line %i, column %i", (text, line, column, message) => {
  expect(jsonError(text)).toEqual({ line, column, message });
});

test("a text has a mistake if the parser refuses it", () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const pieces = fc.constantFrom(..."{}[]:, \n1-e.+0".split(""), '"a"', "true", "null", '"', "\\u0041");
  const almost = fc
    .tuple(fc.json(), fc.nat(), fc.nat(2), fc.array(pieces, { maxLength: 2 }))
    .map(([text, at, removed, added]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + added.join("") + text.slice(place + removed);
    });
  const documents = fc.oneof(
    fc.json(),
    almost,
    fc.array(pieces).map((all) => all.join("")),
  );
  fc.assert(
    fc.property(documents, (text) => {
      expect(jsonError(text) === undefined).toBe(isJson(text));
    }),
    { numRuns: 2000 },
  );
});
