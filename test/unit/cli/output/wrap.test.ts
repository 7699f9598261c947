import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { outputWidth, wrapLine, wrapText } from "../../../../src/cli/output/wrap.ts";

afterEach(() => vi.unstubAllEnvs());

test.each([
  ["", 100],
  ["80", 80],
  ["250", 250],
  ["10", 40],
  ["0", 100],
  ["-1", 100],
  ["1e3", 100],
  ["wide", 100],
])("COLUMNS=%j means %i columns", (columns, width) => {
  vi.stubEnv("COLUMNS", columns);
  expect(outputWidth()).toBe(width);
});

test("a wrapped text has the same words, and only a single word is longer than a line", () => {
  const words = fc.array(
    fc.string({ minLength: 1, maxLength: 30 }).map((word) => word.replaceAll(/\s/g, "x")),
    {
      minLength: 1,
    },
  );
  fc.assert(
    fc.property(words, fc.integer({ min: 10, max: 50 }), (all, width) => {
      const lines = wrapText(all.join(" "), width);
      expect(lines.join(" ")).toBe(all.join(" "));
      expect(lines.filter((line) => line.length > width && line.includes(" "))).toEqual([]);
    }),
  );
});

test("the continuation of a line has its indentation", () => {
  vi.stubEnv("COLUMNS", "40");
  expect(wrapLine(`    ${"word ".repeat(9)}end`)).toEqual([
    "    word word word word word word word",
    "    word word end",
  ]);
  expect(wrapLine("short")).toEqual(["short"]);
  expect(wrapLine("")).toEqual([""]);
});
