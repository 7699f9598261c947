import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTime } from "../../../src/log/format-time.ts";

const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

test("formatTime equals Date at the ends of months and years, and at any other time", () => {
  const expected = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
  // Every 29 February, existing or not, and the ends of years: after 400 years the calendar repeats.
  const years = Array.from({ length: 800 }, (_, i) => 1970 + i);
  const turns = years.flatMap((year) => [Date.UTC(year, 2, 1), Date.UTC(year + 1, 0, 1)]);
  for (const time of [0, 999, last, ...turns.flatMap((turn) => [turn - 1, turn])]) {
    expect(formatTime(time)).toBe(expected(time));
  }
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: last }),
      (time) => void expect(formatTime(time)).toBe(expected(time)),
    ),
    { numRuns: 2000 },
  );
});

test.each([-1, last + 1, 0.5, Number.NaN])("%d is not a time of the years 1970 to 9999 in ms", (time) => {
  expect(() => formatTime(time)).toThrow(RangeError);
});
