import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTable } from "../../../../src/cli/output/text.ts";
import { printable, printableLines } from "../../../../src/log/printable.ts";

test.each([
  ["\x1b[2J", "\\u001b[2J"],
  ["a\nb\tc\0", "a\\u000ab\\u0009c\\u0000"],
  ["\x7f\u009b31m", "\\u007f\\u009b31m"],
  ["\u202etxt.exe", "\\u202etxt.exe"],
  ["\u200b\u00ad\u2028\ufeff", "\\u200b\\u00ad\\u2028\\ufeff"],
  ["\ud800a\udc9b\udc9b\ud83d", "\\ud800a\\udc9b\\udc9b\\ud83d"],
])("%j is escaped", (text, escaped) => {
  expect(printable(text)).toBe(escaped);
});

test("letters, signs and emojis of all languages stay", () => {
  for (const text of ["default/trainer-0", "é ñ 漢字 \u{1f600}", "a\\b'c\"d", "├─ …"])
    expect(printable(text)).toBe(text);
});

test("any text becomes a text without controls, which UTF-8 and JSON keep", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (one, other) => {
      const text = one + String.fromCharCode(0xd800 + one.length) + other;
      const escaped = printable(text);
      expect(escaped).not.toMatch(/[\p{Cc}\p{Cs}]/u);
      expect(Buffer.from(escaped).toString()).toBe(escaped);
      expect(JSON.parse(printable(JSON.stringify(text)))).toBe(text);
    }),
  );
});

test("the ends of lines can be kept", () => {
  expect(printableLines("a\x1bb\nc\r\n")).toBe("a\\u001bb\nc\\u000d\n");
});

test("a cell of a table is one line, and columns are as wide as they are shown", () => {
  expect(
    formatTable(
      [
        ["\x1b", "b"],
        ["a\nb", ""],
      ],
      ["A", "B"],
    ),
  ).toBe("A         B\n\\u001b    b\na\\u000ab  -");
});
